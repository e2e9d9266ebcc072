"""Slow, literal forms of the context trees: one node, one row, one candidate after the other."""

import numpy as np

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def next_random(state):
    """splitmix64: the next state, and a number in [0, 1)."""
    state = (state + STEP) & MASK
    x = state
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return state, ((x ^ (x >> 31)) >> 11) / (1 << 53)


def goes_left(x, cut, is_category):
    """A category equals the cut, a number is at most the cut."""
    return x == cut if is_category else x <= cut


def explained(targets, left):
    """What a cut explains of the targets, but for a constant: sum over the sides of n times the squared mean."""
    sides = (targets[left].astype(np.float64), targets[~left].astype(np.float64))
    return sum(float((len(side) * side.mean(axis=0) ** 2).sum()) for side in sides)


def candidates(inputs, is_category, members, order, state, n_tries):
    """The cuts that a node tries, as (column, cut); `order` is shuffled on the way. Also the state after them."""
    found = []
    for c in range(min(n_tries, len(order))):
        state, u = next_random(state)
        pick = c + int(u * (len(order) - c))
        order[c], order[pick] = order[pick], order[c]
        state, u = next_random(state)
        found.append((order[c], inputs[order[c], members[int(u * len(members))]]))
    return found, state


def grow_tree(inputs, is_category, order, targets, rows, seed, least, n_tries, chosen):
    """The nodes of a tree in the order in which they are made: (cuts, left child, mean of targets).

    cuts : those (column, cut) that explain most of what the node tries, all but equal ones; none of a leaf
    order : the context as the tree before has left it
    chosen : for each node the one of its cuts that is taken
    """
    state, nodes, waiting = int(seed), [], [np.array(rows)]
    while len(nodes) < len(waiting):
        members, k = waiting[len(nodes)], len(nodes)
        gains = {}
        if len(members) >= 2 * least:
            tried, state = candidates(inputs, is_category, members, order, state, n_tries)
            for j, cut in tried:
                left = np.array([goes_left(x, cut, is_category[j]) for x in inputs[j, members]])
                if min(left.sum(), (~left).sum()) >= least:
                    gains[j, cut] = explained(targets[members], left)
        best = max(gains.values(), default=0.0)
        nodes.append(([one for one in gains if gains[one] >= best - 1e-6 * (1 + best)], len(waiting),
                      targets[members].astype(np.float64).mean(axis=0)))  # fmt: skip
        if gains:
            j, cut = chosen[k]
            left = np.array([goes_left(x, cut, is_category[j]) for x in inputs[j, members]])
            waiting += [members[left], members[~left]]
    return nodes


def leaf_of(row, is_category, column, cut, left):
    """The place in `value` of the leaf that a row reaches."""
    k = 0
    while column[k] >= 0:
        k = left[k] + (not goes_left(row[column[k]], cut[k], is_category[column[k]]))
    return left[k]


def predict(row, place, is_category, trees, used_by):
    """The mean over the trees that have not grown from the row, or over all where each has."""
    column, cut, left, value = trees
    asked = [t for t in range(len(column)) if place < 0 or not used_by[t, place]] or range(len(column))
    leaves = [value[t, leaf_of(row, is_category, column[t], cut[t], left[t])] for t in asked]
    return np.mean(np.array(leaves, np.float64), axis=0)

"""A random cut tree by the book: nodes are dicts, boxes and masses are computed anew from the points below."""

import math

import numpy as np

MASK = (1 << 64) - 1


def uniform(state):
    """splitmix64: the next state, and a number in [0, 1)."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    x = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return state, ((x ^ (x >> 31)) >> 11) / 2**53


def points_of(node):
    """All points below a node, one as often as it was inserted."""
    return [node["point"]] * node["mass"] if "point" in node else points_of(node["left"]) + points_of(node["right"])


def box_of(node):
    below = np.array(points_of(node), np.float32)
    return below.min(axis=0), below.max(axis=0)


def gaps(node, point):
    low, high = box_of(node)
    return np.maximum(np.maximum(low - point, point - high), np.float32(0)), high - low


def insert(node, point, state):
    """Algorithm 2: (state, the new subtree)."""
    if node is None:
        return state, {"point": point, "mass": 1}
    outside, extent = gaps(node, point)
    if outside.sum() > 0:
        state, u = uniform(state)
        place = u * float(outside.sum() + extent.sum())
        if place < outside.sum() or "point" in node:
            axis = min(int(np.searchsorted(np.cumsum(outside), place, side="right")), len(point) - 1)
            low, high = box_of(node)
            begin = point[axis] if point[axis] < low[axis] else high[axis]
            cut = float(begin + place - np.sum(outside[:axis]))
            new = {"point": point, "mass": 1}
            children = (new, node) if point[axis] <= cut else (node, new)
            return state, {"axis": axis, "cut": cut, "left": children[0], "right": children[1]}
    if "point" in node:
        return state, {"point": node["point"], "mass": node["mass"] + 1}
    side = "left" if point[node["axis"]] <= node["cut"] else "right"
    state, child = insert(node[side], point, state)
    return state, {**node, side: child}


def delete(node, point):
    """Algorithm 1: the tree without the point once; None for none."""
    if "point" in node:
        return {**node, "mass": node["mass"] - 1} if node["mass"] > 1 else None
    side, other = ("left", "right") if point[node["axis"]] <= node["cut"] else ("right", "left")
    child = delete(node[side], point)
    return node[other] if child is None else {**node, side: child}


def log_depth(node, point, depth=0):
    """Mean of log(1 + depth) over where an insertion would put the point."""
    outside, extent = gaps(node, point)
    if "point" in node:
        return math.log(1 + depth) if outside.sum() > 0 else math.log(depth + math.log2(node["mass"] + 1))
    parted = float(outside.sum() / (outside.sum() + extent.sum()))
    child = node["left"] if point[node["axis"]] <= node["cut"] else node["right"]
    return parted * math.log(1 + depth) + (1 - parted) * log_depth(child, point, depth + 1)

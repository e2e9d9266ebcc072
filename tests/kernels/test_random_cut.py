"""Random cut trees: against a literal form, and what a tree must satisfy after any insertions and deletions."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import random_cut_reference as literal
from tocsin.kernels.random_cut_trees import clear_tree, delete_leaf, expected_log_depth, find_leaves, insert_point

LEFT, RIGHT, PARENT, MASS, AXIS = range(5)


class Tree:
    """One tree in the kernel's arrays, and its literal twin."""

    def __init__(self, room, d, seed):
        self.links, self.heads = np.zeros((1, 2 * room - 1, 5), np.int16), np.zeros((1, 3), np.int16)
        self.cuts, self.boxes = np.zeros((1, room - 1), np.float32), np.zeros((1, room - 1, 2 * d), np.float32)
        self.points = np.zeros((1, room, d), np.float32)
        clear_tree(self.links[0], self.heads[0])
        self.room, self.state, self.twin = room, np.uint64(seed), None
        self.members = []

    def insert(self, point):
        twin_state, self.twin = literal.insert(self.twin, point, int(self.state))
        self.state, leaf = insert_point(
            self.links, self.cuts, self.boxes, self.points, self.heads, 0, point, self.state
        )
        self.state = np.uint64(self.state)
        assert int(self.state) == twin_state
        self.members.append((point, leaf))

    def delete(self, k):
        point, leaf = self.members.pop(k)
        self.twin = literal.delete(self.twin, point)
        delete_leaf(self.links, self.boxes, self.points, self.heads, 0, leaf)

    def node(self, node=None):
        """The kernel's tree as nested dicts; checks parents, masses and boxes on the way."""
        node = int(self.heads[0, 0]) if node is None else node
        if node == -1:
            return None
        links = self.links[0, node]
        if node >= self.room - 1:
            return {"point": self.points[0, node - self.room + 1], "mass": int(links[MASS])}
        found = {"axis": int(links[AXIS]), "cut": float(self.cuts[0, node])}
        for side, place in (("left", LEFT), ("right", RIGHT)):
            assert self.links[0, links[place], PARENT] == node
            found[side] = self.node(int(links[place]))
        assert links[MASS] == len(literal.points_of(found))
        np.testing.assert_array_equal(self.boxes[0, node], np.concatenate(literal.box_of(found)))
        for point in literal.points_of(found["left"]):
            assert point[found["axis"]] <= self.cuts[0, node]
        for point in literal.points_of(found["right"]):
            assert point[found["axis"]] > self.cuts[0, node]
        return found

    def log_depth(self, point):
        leaf, depth, walking = (np.zeros(1, np.int64) for _ in range(3))
        find_leaves(self.links, self.cuts, self.heads, point, np.zeros(1, np.uint64), leaf, depth, walking)
        logarithms = np.log(np.arange(1, self.room + 1)).astype(np.float32)
        return expected_log_depth(self.links, self.boxes, self.points, 0, leaf[0], depth[0], point, logarithms)


def random_points(random, n, d):
    """Points with ties, in some columns many."""
    size, digits = 10.0 ** random.integers(-3, 4), int(random.integers(-1, 5))
    return (random.normal(0, size, (n, d)).round(digits) + 0.0).astype(np.float32)  # + 0.0: no negative zeros


def assert_alike(found, wanted):
    """The same tree; cuts are of float32 in one and of float64 in the other."""
    assert found.keys() == wanted.keys()
    if "point" in found:
        np.testing.assert_array_equal(found["point"], wanted["point"])
        assert found["mass"] == wanted["mass"]
        return
    assert found["axis"] == wanted["axis"]
    low, high = literal.box_of(found)
    assert abs(found["cut"] - wanted["cut"]) <= 1e-5 * (high - low).sum()
    for side in ("left", "right"):
        assert_alike(found[side], wanted[side])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_trees_are_the_literal_ones_after_any_insertions_and_deletions(seed):
    random = np.random.default_rng(seed)
    d, room = int(random.integers(1, 6)), int(random.integers(2, 24))
    tree = Tree(room, d, seed)
    for point in random_points(random, 80, d):
        if len(tree.members) == room or (tree.members and random.random() < 0.3):
            tree.delete(int(random.integers(len(tree.members))))
        tree.insert(point)
        found = tree.node()
        assert Counter(map(bytes, literal.points_of(found))) == Counter(bytes(point) for point, _ in tree.members)
    assert_alike(found, tree.twin)
    for point in [*random_points(random, 10, d), *(point for point, _ in tree.members)]:
        np.testing.assert_allclose(tree.log_depth(point), literal.log_depth(tree.twin, point), atol=1e-4)
    while tree.members:
        tree.delete(0)
    assert tree.node() is None


def test_equal_points_are_one_leaf():
    tree = Tree(8, 2, 1)
    for _ in range(8):
        tree.insert(np.zeros(2, np.float32))
    tree.delete(3)
    assert tree.node()["mass"] == 7
    assert tree.log_depth(np.ones(2, np.float32)) == 0.0
    assert tree.log_depth(np.zeros(2, np.float32)) == np.float32(np.log(3.0))


def shares(trees):
    return {shape: count / len(trees) for shape, count in Counter(trees).items()}


def silhouette(node):
    """A tree without its cuts' places."""
    if "point" in node:
        return float(node["point"][0]), node["mass"]
    return node["axis"], silhouette(node["left"]), silhouette(node["right"])


def grown(points, order, seed, without=()):
    tree = Tree(len(points), points.shape[1], seed)
    for k in order:
        tree.insert(points[k])
    for k in without:
        tree.delete(next(i for i, (point, _) in enumerate(tree.members) if np.array_equal(point, points[k])))
    return silhouette(tree.node())


def test_order_of_insertion_and_deleted_points_do_not_change_the_distribution():
    """Theorems 2 and 3 of the paper: insertion and deletion give the distribution of a tree built at once."""
    points = np.array([[0, 0], [1, 5], [3, 1], [10, 2], [4, 4]], np.float32)
    n = 3_000
    forward = shares([grown(points[:4], range(4), seed) for seed in range(n)])
    backward = shares([grown(points[:4], (3, 1, 2, 0), 10**6 + seed) for seed in range(n)])
    deleted = shares([grown(points, (4, 0, 2, 3, 1), 2 * 10**6 + seed, without=(4,)) for seed in range(n)])
    for other in (backward, deleted):
        for tree in forward.keys() | other.keys():
            expected = forward.get(tree, 0.0)
            error = 4.5 * np.sqrt(2 * max(expected, 0.003) / n)
            assert abs(expected - other.get(tree, 0.0)) < error, tree


def test_the_first_cut_is_uniform_over_the_summed_sides():
    """Definition 1: axis by its extent, then a place on it; of the tree however it was inserted."""
    points = np.array([[0, 0], [3, 1], [1, 0.5]], np.float32)
    roots = [grown(points, (2, 0, 1), seed)[0] for seed in range(4_000)]
    assert abs(np.mean(np.array(roots) == 0) - 0.75) < 0.03

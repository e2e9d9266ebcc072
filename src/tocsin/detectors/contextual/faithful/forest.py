"""An isolation forest on the indicators of one context, whose leaf counts are weighted by similarity of context.

The score of a row is 2^-(h / c(psi)) as in an isolation forest (100 trees of psi = 256 rows), h of
kernels.weighted_leaves: in each leaf the rows of growth count for exp(-gamma d), d the distance of their context to
that of the row. Distance: Euclidean over the numbers of the context, each in standard deviations, divided by the root
of their number, so that one grid of gamma serves contexts of every size; a missing number is at the median. Rows that
differ in a category of the context do not count at all; a missing category equals a missing one.
"""

from __future__ import annotations

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.detectors.contextual.engine import Context
from tocsin.detectors.contextual.scaling import Scaling, Singles
from tocsin.kernels.isolation import grow_trees
from tocsin.kernels.leaves import find_leaves, leaf_order
from tocsin.kernels.weighted_leaves import C_TABLE, MAX_SAMPLES, log_leaf_shares, weighted_path_lengths
from tocsin.model import Codes, Floats, Ints

__all__ = ["N_TREES", "ContextForest", "expected_path_length"]

N_TREES = 100
N_TREES_COMPARED = 20
PRIOR_ROWS = 8.0
"""How many rows of the context the plain share of a leaf counts for, where gamma is chosen."""


def expected_path_length(n_samples: int) -> float:
    """c(n), the mean path length of an unsuccessful search among n rows: 2 (H(n) - 1), 0 for 1."""
    return float(2.0 * ((1.0 / np.arange(1, n_samples + 1)).sum() - 1.0))


class ContextForest:
    """One forest; grown from a pool of rows by a seed, so that the seed, the pool and gamma are its state."""

    def __init__(self, context: Context, pool: EncodedTable, scaling: Scaling, seed: int) -> None:
        n_numbers, n_columns = pool.numbers.shape[1], pool.numbers.shape[1] + pool.codes.shape[1]
        indicators = [j for j in range(n_columns) if j not in context]
        self._numbers, self._codes = _split(indicators, n_numbers)
        self._context_numbers, self._context_codes = _split(list(context), n_numbers)
        self._middle = scaling.middle.astype(np.float32)
        random = np.random.default_rng(seed)
        n_samples = min(MAX_SAMPLES, len(pool))
        rows = np.stack([random.choice(len(pool), n_samples, replace=False) for _ in range(N_TREES)])
        self._seeds = random.integers(0, 2**64, N_TREES, dtype=np.uint64)
        scaled = scaling.apply(pool.numbers)
        numbers, codes = self._indicators(scaled, pool.codes)
        depth = max(1, int(np.ceil(np.log2(n_samples))))
        no_length = np.zeros(n_samples + 1, np.float32)
        self._split, self._threshold, path = grow_trees(numbers, codes, rows, self._seeds, depth, no_length)[:3]
        self._depth = path.ravel()
        self._members, self._start = leaf_order(numbers, codes, rows, self._seeds, self._split, self._threshold)
        context_numbers, context_codes = self._contexts(scaled, pool.codes)
        self._member_numbers = np.ascontiguousarray(context_numbers[self._members].T)
        self._member_codes = np.ascontiguousarray(context_codes[self._members].T)
        self._c = expected_path_length(n_samples)

    def scores(self, scaled: Singles, codes: Codes, first: int, stop: int) -> Floats:
        """(n, stop - first) scores in [0, 1) at the gammas `first` to `stop` of the grid.

        Parameters
        ----------
        scaled : (n, n_numbers) of `Scaling.apply`; codes : (n, n_categoricals)
        """
        numbers, own_codes = self._indicators(scaled, codes)
        leaf = find_leaves(numbers, own_codes, self._seeds, self._split, self._threshold)
        query, query_codes = self._contexts(scaled, codes)
        length = weighted_path_lengths(
            leaf, self._depth, self._start, self._member_numbers, self._member_codes, query, query_codes, first, stop,
            C_TABLE,
        )  # fmt: skip
        return np.asarray(np.minimum(np.exp2(-length / self._c), np.nextafter(1.0, 0.0)))

    def foretold(self, scaled: Singles, codes: Codes, rows: Ints) -> Floats:
        """(n_gammas,) how much the context tells of the indicators: the mean log-likelihood ratio of a row's leaf.

        Given the context, with each gamma, against not given; rows left out of what foretells them, on the first 20
        trees. Positive where similar contexts have similar indicators, 0 for a gamma that looks at everything or at
        nothing, negative where a gamma splits rows too finely.

        Parameters
        ----------
        scaled, codes : as in `scores`, of some rows of the pool; rows : their places in it
        """
        n_leaves = self._split.shape[1] + 1
        numbers, own_codes = self._indicators(scaled, codes)
        some = slice(0, N_TREES_COMPARED)
        leaf = find_leaves(numbers, own_codes, self._seeds[some], self._split[some], self._threshold[some])
        start = self._start[: len(leaf) * n_leaves + 1]
        query, query_codes = self._contexts(scaled, codes)
        ratios = log_leaf_shares(
            leaf, start, self._members, self._member_numbers, self._member_codes, query, query_codes, rows, PRIOR_ROWS
        )
        return np.asarray(ratios)

    def _indicators(self, scaled: Singles, codes: Codes) -> tuple[Singles, Codes]:
        return np.ascontiguousarray(scaled[:, self._numbers]), np.ascontiguousarray(codes[:, self._codes])

    def _contexts(self, scaled: Singles, codes: Codes) -> tuple[Singles, Codes]:
        part = scaled[:, self._context_numbers]
        part = np.where(np.isnan(part), self._middle[self._context_numbers], part)
        part = part / np.float32(np.sqrt(max(len(self._context_numbers), 1)))
        return np.ascontiguousarray(part, np.float32), np.ascontiguousarray(codes[:, self._context_codes])


def _split(columns: list[int], n_numbers: int) -> tuple[Ints, Ints]:
    """Places among the numbers and among the categorical columns."""
    numbers = [j for j in columns if j < n_numbers]
    codes = [j - n_numbers for j in columns if j >= n_numbers]
    return np.array(numbers, np.int64), np.array(codes, np.int64)

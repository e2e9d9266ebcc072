"""Contexts of all other columns: how badly each column is foretold by the rest of its row.

Each column is an indicator once; the other columns are its context (of wide tables, all columns outside its block).
A forest of randomised trees foretells the indicator; the row's surprise in it is that of its error among the errors of
the rows of fit, each foretold by trees that have not grown from it. A column counts as much as its context tells of
it: its weight is the multiple correlation, the root of the share of its variance that is foretold. In contexts that a
user has given every column counts for something: they say with whom a row is to be compared, whatever that foretells.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.surprise import Surprise
from tocsin.detectors.contextual.calibrated.targets import Target, correlation, errors_of, outputs_of, targets_of
from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.detectors.contextual.engine import Context
from tocsin.kernels.context_trees import grow_context_trees, predict_columns
from tocsin.model import Bools, Floats, Ints

__all__ = ["Conditional", "Foretold"]

LEAST_ROWS = 20
N_TREES, N_SAMPLES, SAMPLE_SHARE, LEAST_LEAF = 48, 2_000, 0.6, 5
MAX_BLOCKS = 32
POWER = 1.5
LEAST_GIVEN = 0.25
"""Least weight of a column in a context that a user has given."""
MAX_TRIES = 24
MISSING_SCORE = np.float32(-16.0)
"""What stands for a missing number among normal scores, which are within 5 or so."""
N_STRONGEST = 4
CENTRAL = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A forest: columns foretold from a context.

    trees : column, cut, left, value of `grow_context_trees`; used_by : (n_trees, n_places) bool
    scales, weights : one a target, the surprise of its errors and how much it counts, in [0, 1]
    strongest : context columns by use, strongest first
    """

    context: Context
    targets: tuple[Target, ...]
    trees: tuple[Any, ...]
    used_by: Bools
    scales: tuple[Surprise, ...]
    weights: tuple[float, ...]
    strongest: Context

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays and JSON values."""
        return {
            "context": list(self.context),
            "targets": [{"column": one.column, "levels": one.levels, "presence": one.presence} for one in self.targets],
            "trees": list(self.trees),
            "used_by": self.used_by,
            "scales": [scale.to_arrays() for scale in self.scales],
            "weights": list(self.weights),
            "strongest": list(self.strongest),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The block of a `to_arrays`."""
        targets = tuple(
            Target(one["column"], None if one["levels"] is None else np.asarray(one["levels"]), one["presence"])
            for one in arrays["targets"]
        )
        trees = tuple(np.ascontiguousarray(one) for one in arrays["trees"])
        scales = tuple(Surprise.from_arrays(one) for one in arrays["scales"])
        context, strongest = tuple(arrays["context"]), tuple(arrays["strongest"])
        weights = tuple(float(one) for one in arrays["weights"])
        return cls(context, targets, trees, np.asarray(arrays["used_by"], np.bool_), scales, weights, strongest)


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """What the contexts say of some rows.

    total : (n,) weighted sum of the surprises to the power 1.5, which a few large ones raise more than many small ones
    surprise : (n, n_columns) weighted, 0 or more
    block : (n, n_columns) index of the block in which that is, -1 = none
    expected : (n, n_numbers, 3) lower end, middle and upper end of what was foretold, in the table's units; NaN where
        no forest foretells the column
    """

    total: Floats
    surprise: Floats
    block: Ints
    expected: Floats


class Conditional:
    """The forests of all blocks."""

    def __init__(self, blocks: tuple[Block, ...], is_category: Bools) -> None:
        self.blocks, self._is_category = blocks, is_category

    @classmethod
    def fit(
        cls,
        table: EncodedTable,
        frame: Frame,
        given: tuple[Context, ...] | None,
        random: np.random.Generator,
        n_threads: int,
    ) -> Self:
        """Learn from the rows of fit; no block where they are fewer than 20 or there is only one column."""
        n_numbers, n_codes = table.numbers.shape[1], table.codes.shape[1]
        is_category = np.arange(n_numbers + n_codes) >= n_numbers
        scores = frame.normal_scores(table.numbers)
        inputs = _inputs(scores, table)
        plans = [] if len(table) < LEAST_ROWS else _plan(n_numbers + n_codes, given, random)
        seeds = random.integers(0, 2**63, len(plans))

        def grow(place: int) -> Block:
            context, indicators = plans[place]
            own = np.random.default_rng(seeds[place])
            block = _grow(context, indicators, inputs, is_category, scores, table, own)
            least = 0.0 if given is None else LEAST_GIVEN
            return replace(block, weights=tuple(max(weight, least) for weight in block.weights))

        with ThreadPoolExecutor(n_threads) as pool:
            return cls(tuple(pool.map(grow, range(len(plans)))), is_category)

    def foretell(self, table: EncodedTable, frame: Frame, places: Ints, expected: bool = False) -> Foretold:
        """Surprise of each column of each row.

        Parameters
        ----------
        places : (n,) place of the row among the rows of fit, -1 = none
        expected : whether to say what was foretold, too
        """
        scores = frame.normal_scores(table.numbers)
        inputs = np.ascontiguousarray(_inputs(scores, table).T)
        total = np.zeros(len(table))
        result = np.zeros((len(table), len(self._is_category)))
        where = np.full(result.shape, -1)
        foretold = np.full((len(table), scores.shape[1], 3), np.nan)
        for place, block in enumerate(self.blocks):
            outputs = predict_columns(inputs, self._is_category, *block.trees, places, block.used_by)
            for target, scale, weight, part in _parts(block, outputs):
                errors = errors_of(target, part, scores, table)
                surprise = np.where(np.isnan(errors), 0.0, scale(np.nan_to_num(errors)))
                total += weight * surprise**POWER
                surprise *= weight
                more = surprise > result[:, target.column]
                result[more, target.column] = surprise[more]
                where[more, target.column] = place
                if expected and target.levels is None:
                    reach = float(np.quantile(scale.ordered, CENTRAL))
                    ends = part[:, :1] + np.array([-reach, 0.0, reach])
                    foretold[more, target.column] = frame.from_normal_scores(target.column, ends[more])
        return Foretold(total, result, where, foretold)

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays and JSON values."""
        return {"is_category": self._is_category, "blocks": [block.to_arrays() for block in self.blocks]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The forests of a `to_arrays`."""
        blocks = tuple(Block.from_arrays(block) for block in arrays["blocks"])
        return cls(blocks, np.asarray(arrays["is_category"], np.bool_))


def _inputs(scores: Floats, table: EncodedTable) -> Any:
    """(n_columns, n) float32: normal scores and codes."""
    numbers = np.where(np.isnan(scores), MISSING_SCORE, scores)
    return np.ascontiguousarray(np.hstack([numbers, table.codes]).T.astype(np.float32))


def _plan(n_columns: int, given: tuple[Context, ...] | None, random: np.random.Generator) -> list[tuple[Ints, Ints]]:
    """(context, indicators) of each block."""
    everything = np.arange(n_columns)
    if given is not None:
        return [(np.array(one), np.setdiff1d(everything, one)) for one in given if one]
    if n_columns < 2:
        return []
    blocks = np.array_split(random.permutation(n_columns), min(n_columns, MAX_BLOCKS))
    return [(np.setdiff1d(everything, block), np.sort(block)) for block in blocks]


def _grow(
    context: Ints,
    indicators: Ints,
    inputs: Any,
    is_category: Bools,
    scores: Floats,
    table: EncodedTable,
    random: np.random.Generator,
) -> Block:
    targets = tuple(target for j in indicators.tolist() for target in targets_of(j, scores, table))
    outputs = outputs_of(targets, scores, table)
    n = len(table)
    size = min(N_SAMPLES, max(2, int(SAMPLE_SHARE * n)))
    rows = np.stack([random.permutation(n)[:size] for _ in range(N_TREES)])
    used_by = np.zeros((N_TREES, n), np.bool_)
    used_by[np.arange(N_TREES)[:, None], rows] = True
    seeds = random.integers(0, 2**64, N_TREES, dtype=np.uint64)
    n_tries = min(max(1, ceil(len(context) / 2)), MAX_TRIES)
    trees = grow_context_trees(inputs, is_category, context, outputs, rows, seeds, LEAST_LEAF, n_tries)
    found = predict_columns(np.ascontiguousarray(inputs.T), is_category, *trees, np.arange(n), used_by)
    scales, weights = [], []
    start = 0
    for target in targets:
        own = slice(start, start + target.n_outputs)
        errors = errors_of(target, found[:, own], scores, table)
        scales.append(Surprise.of(errors[~np.isnan(errors)]))
        weights.append(correlation(outputs[:, own], found[:, own]))
        start = own.stop
    strongest = _strongest(trees[0], context)
    return Block(tuple(context.tolist()), targets, trees, used_by, tuple(scales), tuple(weights), strongest)


def _strongest(columns: Any, context: Ints) -> Context:
    """The context columns that the nodes near the roots cut most."""
    n_nodes = columns.shape[1]
    weight = np.broadcast_to(1.0 / (1.0 + np.arange(n_nodes)), columns.shape)
    cut = columns >= 0
    use = np.bincount(columns[cut], weights=weight[cut], minlength=int(context.max()) + 1)[context]
    return tuple(int(j) for j in context[np.argsort(-use, kind="stable")[:N_STRONGEST]])


def _parts(block: Block, outputs: Any) -> list[tuple[Target, Surprise, float, Any]]:
    parts, start = [], 0
    for target, scale, weight in zip(block.targets, block.scales, block.weights, strict=True):
        parts.append((target, scale, weight, outputs[:, start : start + target.n_outputs]))
        start += target.n_outputs
    return parts

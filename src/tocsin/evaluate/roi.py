"""What a detector is worth in money: an advertiser bids on publishers' requests except where a score is too high.

Algorithm 2 of the ConOut paper. Requests come from publishers in proportion to their visitors; the advertiser pays the
publisher's cost for each request it bids on, and earns its revenue unless the publisher is a fraud; it stops at the
first bid that its budget does not allow. ROI is revenue earned per unit of cost spent, gain is how much larger it is
than that of a naive bidder who bids everywhere.

The paper leaves the bid rule open. Here: no bid on the `blocked_share` of publishers with the highest scores; where
scores tie at that edge, all who tie are blocked with the same probability, so that the order of rows does not matter.

All bidders meet the same requests and uniform numbers, so differences between them are of the bidders, not of luck. As
the budget grows, ROI tends to sum(v p r (1 - y)) / sum(v p c) with v visitors, p probability of a bid, r revenue, y
fraud and c cost: it is reported beside the simulated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate.gains import comparison_table, gain_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BUDGETS", "NAIVE", "ORACLE", "RoiResult", "bid_probability", "closed_form", "roi"]

BUDGETS = (500.0, 1000.0, 1500.0, 2000.0, 2500.0)
NAIVE, ORACLE = "naive", "oracle"
BLOCKED_UNLABELLED = 0.01
"""Share of publishers that is blocked where no labels say how many are frauds."""
MAX_REQUESTS = 1e11
"""Expected requests times bidders over all simulations: some minutes."""
MAX_RESULTS = 50_000_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RoiResult:
    """What each bidder got out of each budget.

    Attributes
    ----------
    table : pandas.DataFrame
        One line a bidder and budget: detector, budget, roi (mean over simulations), roi_limit (closed form), gain (over
        the naive bidder, 0.1 = 10 % more), gain_lower, gain_upper (95 % interval), p_value (of "no gain over naive").
    comparisons : pandas.DataFrame
        One line an ordered pair of bidders and a budget: detector, other, budget, gain (of detector over other),
        p_value (of "no gain"): paired one-sided t-test over the simulations.
    roi : (n_simulations, n_bidders, n_budgets) float64
        NaN where the budget bought nothing.
    detectors : tuple of str
        The order of bidders: naive, the detectors, and oracle where labels are known.
    budgets : tuple of float
    blocked_share : float
        Of publishers.
    n_publishers : int
        That took part.
    n_left_out : int
        Publishers without a known number of visitors, cost, revenue or label.
    n_unscored : mapping of str to int
        Publishers without a score, by detector: they are bid on.
    n_idle : int
        Results (bidder, budget, simulation) in which the first request already cost more than the budget.
    """

    table: pd.DataFrame
    comparisons: pd.DataFrame
    roi: Floats
    detectors: tuple[str, ...]
    budgets: tuple[float, ...]
    blocked_share: float
    n_publishers: int
    n_left_out: int
    n_unscored: Mapping[str, int]
    n_idle: int


@dataclass(frozen=True, slots=True, eq=False)
class _Publishers:
    """Those that take part: arrays (n,), and which of the given rows they are."""

    visitors: Floats
    cost: Floats
    revenue: Floats
    fraud: Floats
    kept: npt.NDArray[np.bool_]
    is_labelled: bool


def roi(
    scores: Mapping[str, npt.ArrayLike],
    visitors: npt.ArrayLike,
    cost: npt.ArrayLike,
    revenue: npt.ArrayLike,
    label: npt.ArrayLike | None = None,
    *,
    budgets: Sequence[float] = BUDGETS,
    n_simulations: int = 10_000,
    blocked_share: float | None = None,
    random_state: int = 0,
) -> RoiResult:
    """Let an advertiser spend budgets with the help of each detector.

    Parameters
    ----------
    scores : mapping of detector to (n,) numbers
        Higher is more anomalous, in any unit; NaN = no score, which is bid on.
    visitors : (n,)
        >= 0; requests come in proportion.
    cost, revenue : (n,)
        Of one request, in the unit of `budgets`; cost >= 0, revenue may be negative.
    label : (n,) bool or 0 and 1, optional
        1 = fraud. None: unknown; then every request earns, and there is no oracle.
    budgets : sequence of float
        Above 0.
    n_simulations : int
        2 or more.
    blocked_share : float, optional
        Share of publishers that are not bid on, from 0 to below 1; the share of frauds where labels are given, else
        0.01.
    random_state : int
        The same number gives the same requests, whatever the detectors are.

    Returns
    -------
    RoiResult

    Raises
    ------
    InputError
        Negative or infinite visitors or cost, an infinite revenue, a label other than 0 and 1, columns of different
        lengths, publishers that cost nothing altogether, a setting out of range.
    NotEnoughData
        No publisher with visitors and known values is left, or none of them is honest.

    Examples
    --------
    >>> result = roi({"perfect": [0, 0, 1]}, [5, 5, 10], [1, 1, 1], [2, 2, 2], [0, 0, 1], n_simulations=100)
    >>> result.table.groupby("detector")["roi_limit"].first().to_dict()
    {'naive': 1.0, 'oracle': 2.0, 'perfect': 2.0}
    """
    publishers = _publishers(visitors, cost, revenue, label)
    spendable = _budgets(budgets)
    if isinstance(n_simulations, bool) or n_simulations < 2:
        raise InputError("n_simulations", allowed="2 or more", got=n_simulations)
    share = _share(blocked_share, publishers)
    names, bids, n_unscored = _bids(scores, publishers, share)
    _check_size(publishers, bids, names, spendable, n_simulations)
    simulated = _simulate(publishers, bids, spendable, n_simulations, random_state)
    limits = closed_form(bids, publishers.visitors, publishers.cost, publishers.revenue, publishers.fraud)
    return RoiResult(
        table=gain_table(simulated, names, spendable, limits),
        comparisons=comparison_table(simulated, names, spendable),
        roi=simulated,
        detectors=names,
        budgets=tuple(spendable.tolist()),
        blocked_share=share,
        n_publishers=len(publishers.cost),
        n_left_out=int((~publishers.kept).sum()),
        n_unscored=n_unscored,
        n_idle=int(np.isnan(simulated).sum()),
    )


def bid_probability(scores: npt.ArrayLike, blocked_share: float) -> Floats:
    """Probability (n,) of a bid: 0 for the nearest whole number to the share of rows with the highest scores, else 1.

    Rows that tie at the edge share what is left of the blocked number; NaN is never blocked.
    """
    values = np.asarray(scores, dtype=float)
    n_blocked = round(blocked_share * len(values))
    bids = np.ones(len(values))
    known = np.flatnonzero(~np.isnan(values))
    if n_blocked == 0 or not len(known):
        return bids
    if n_blocked >= len(known):
        bids[known] = 0.0
        return bids
    edge = np.partition(values[known], len(known) - n_blocked)[len(known) - n_blocked]
    above, tied = values > edge, values == edge
    bids[above] = 0.0
    bids[tied] = 1 - (n_blocked - above.sum()) / tied.sum()
    return bids


def closed_form(
    bids: npt.ArrayLike, visitors: npt.ArrayLike, cost: npt.ArrayLike, revenue: npt.ArrayLike, fraud: npt.ArrayLike
) -> Floats:
    """ROI of an endless budget: sum(v p r (1 - y)) / sum(v p c), one a column of `bids` (n, n_bidders)."""
    v, c, r, y = (np.asarray(column, dtype=float) for column in (visitors, cost, revenue, fraud))
    p = np.asarray(bids, dtype=float)
    return np.asarray((v * r * (1 - y)) @ p / ((v * c) @ p))


def _publishers(
    visitors: npt.ArrayLike, cost: npt.ArrayLike, revenue: npt.ArrayLike, label: npt.ArrayLike | None
) -> _Publishers:
    columns = {"visitors": _numbers("visitors", visitors), "cost": _numbers("cost", cost)}
    columns["revenue"] = _numbers("revenue", revenue)
    n = len(columns["visitors"])
    columns["label"] = np.zeros(n) if label is None else _numbers("label", label)
    for name, values in columns.items():
        if len(values) != n:
            raise InputError(f"The rows of {name}", allowed=f"as many as of visitors, {n:,}", got=len(values))
        if np.isinf(values).any():
            raise InputError(name.capitalize(), allowed="finite numbers", got=float(values[np.isinf(values)][0]))
        if name in ("visitors", "cost") and (values < 0).any():
            raise InputError(name.capitalize(), allowed="0 or more", got=float(values[values < 0][0]))
    strange = ~np.isin(columns["label"], (0.0, 1.0)) & ~np.isnan(columns["label"])
    if strange.any():
        raise InputError("The labels", allowed="0 (honest) and 1 (fraud)", got=float(columns["label"][strange][0]))
    kept = np.asarray(~np.isnan(np.column_stack(list(columns.values()))).any(axis=1), dtype=bool)
    if not columns["visitors"][kept].sum() > 0:
        raise NotEnoughData("Publishers with visitors and known cost, revenue and label", allowed="at least one", got=0)
    if columns["label"][kept].all():
        raise NotEnoughData("Honest publishers", allowed="at least one: all labels say fraud", got=0)
    v, c, r, y = (values[kept] for values in columns.values())
    return _Publishers(v, c, r, y, kept, is_labelled=label is not None)


def _numbers(name: str, values: npt.ArrayLike) -> Floats:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"The column of {name}", allowed="numbers", got=str(error)) from None
    if numbers.ndim != 1:
        raise InputError(f"The column of {name}", allowed="one dimension", got=numbers.shape)
    return numbers


def _budgets(budgets: Sequence[float]) -> Floats:
    rising = np.unique(np.asarray(list(budgets), dtype=float))
    if not len(rising) or not (np.isfinite(rising).all() and (rising > 0).all()):
        raise InputError("The budgets", allowed="numbers above 0", got=list(budgets))
    return rising


def _share(blocked_share: float | None, publishers: _Publishers) -> float:
    if blocked_share is None:
        return float(publishers.fraud.mean()) if publishers.is_labelled else BLOCKED_UNLABELLED
    if not 0 <= blocked_share < 1:
        raise InputError("The blocked share", allowed="0 to below 1", got=blocked_share)
    return float(blocked_share)


def _bids(
    scores: Mapping[str, npt.ArrayLike], publishers: _Publishers, share: float
) -> tuple[tuple[str, ...], Floats, dict[str, int]]:
    """Names and probabilities (n, n_bidders) of naive, the detectors and the oracle; rows without a score."""
    columns, n_unscored = {NAIVE: np.ones(len(publishers.cost))}, {}
    for name, values in scores.items():
        if name in (NAIVE, ORACLE):
            raise InputError("The name of a detector", allowed=f"other than {NAIVE} and {ORACLE}", got=name)
        numbers = _numbers(f"scores of {name}", values)
        if len(numbers) != len(publishers.kept):
            allowed = f"as many as of visitors, {len(publishers.kept):,}"
            raise InputError(f"The rows of scores of {name}", allowed=allowed, got=len(numbers))
        kept = numbers[publishers.kept]
        columns[name] = bid_probability(kept, share)
        n_unscored[name] = int(np.isnan(kept).sum())
    if publishers.is_labelled:
        columns[ORACLE] = 1 - publishers.fraud
    return tuple(columns), np.column_stack(list(columns.values())), n_unscored


def _check_size(
    publishers: _Publishers, bids: Floats, names: Sequence[str], budgets: Floats, n_simulations: int
) -> None:
    n_results = n_simulations * len(names) * len(budgets)
    if n_results > MAX_RESULTS:
        raise InputError("Simulations x bidders x budgets", allowed=f"at most {MAX_RESULTS:,}", got=n_results)
    per_request = (publishers.visitors / publishers.visitors.sum() * publishers.cost) @ bids
    for name, mean in zip(names, per_request, strict=True):
        if not mean > 0:
            hint = "block fewer publishers" if name != NAIVE else None
            raise InputError(f"The cost of the requests that {name} bids on", allowed="above 0", got=mean, hint=hint)
    n_requests = float(budgets[-1] / per_request.min() * n_simulations * len(names))
    if n_requests > MAX_REQUESTS:
        hint = "give budgets in the unit of cost, or fewer simulations"
        raise InputError(
            "Requests to simulate", allowed=f"at most {MAX_REQUESTS:.0e}", got=f"{n_requests:.1e}", hint=hint
        )


def _simulate(publishers: _Publishers, bids: Floats, budgets: Floats, n_simulations: int, random_state: int) -> Floats:
    from tocsin.kernels.auction import guide_table, simulate_purchases

    seen = publishers.visitors > 0  # others send no requests
    cumulative = np.cumsum(publishers.visitors[seen])
    cumulative /= cumulative[-1]
    earned_by_request = publishers.revenue * (1 - publishers.fraud)
    seed = np.random.SeedSequence(random_state).generate_state(1, np.uint64)[0]
    spent, earned = simulate_purchases(
        cumulative,
        guide_table(cumulative),
        np.ascontiguousarray(bids[seen]),
        publishers.cost[seen],
        earned_by_request[seen],
        budgets,
        n_simulations,
        seed,
    )
    return np.asarray(np.divide(earned, spent, out=np.full_like(spent, np.nan), where=spent > 0))

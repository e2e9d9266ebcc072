"""Simulated purchases of advertisements: many advertisers with a budget meet the same stream of requests.

A request comes from a publisher drawn by the inverse distribution function of visitors. Each bidder buys it with a
probability of its own for that publisher, pays the publisher's cost and earns its revenue. One pass to the largest
budget serves all budgets, and every bidder meets the same requests and the same uniform numbers: what one simulation
draws depends on its number and the seed only, neither on the bidders nor on the order of simulations.

Random numbers are splitmix64 (Steele, Lea and Flood 2014): state + 0x9E3779B97F4A7C15, two multiply-xorshift rounds,
the upper 53 bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

__all__ = ["guide_table", "simulate_purchases"]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


def guide_table(cumulative: np.ndarray) -> np.ndarray:
    """For each of n equal shares of [0, 1) the first index whose cumulative share exceeds the share's beginning."""
    n = len(cumulative)
    return np.searchsorted(cumulative, np.arange(n) / n, side="right").astype(np.int64)


@njit(cache=True, nogil=True, inline="always")
def _mix(state):
    z = (state ^ (state >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@njit(cache=True, nogil=True)
def simulate_purchases(cumulative, guide, bids, cost, revenue, budgets, n_simulations, seed):
    """Spend every budget in every simulation.

    Parameters
    ----------
    cumulative : (n,) float64
        Cumulative shares of visitors, rising to 1.
    guide : (n,) int64
        `guide_table(cumulative)`.
    bids : (n, n_bidders) float64
        Probability of buying a request, 0 to 1.
    cost, revenue : (n,) float64
        Of one request; cost >= 0, and its mean over the requests that each bidder buys above 0: otherwise this does not
        end.
    budgets : (n_budgets,) float64
        Rising.
    n_simulations : int
    seed : uint64

    Returns
    -------
    spent, earned : (n_simulations, n_bidders, n_budgets) float64
        Up to, and without, the first purchase that the budget does not allow.
    """
    n, n_bidders = bids.shape
    n_budgets = len(budgets)
    spent = np.zeros((n_simulations, n_bidders, n_budgets))
    earned = np.zeros((n_simulations, n_bidders, n_budgets))
    so_far, income, place = np.empty(n_bidders), np.empty(n_bidders), np.empty(n_bidders, dtype=np.int64)
    for simulation in range(n_simulations):
        state = _mix(uint64(seed) + _STEP * uint64(simulation + 1))
        so_far[:], income[:], place[:] = 0.0, 0.0, 0
        n_open = n_bidders
        while n_open > 0:
            state += _STEP
            share = (_mix(state) >> _S11) * _UNIT
            state += _STEP
            chance = (_mix(state) >> _S11) * _UNIT
            i = guide[int(share * n)]
            while cumulative[i] <= share:
                i += 1
            for bidder in range(n_bidders):
                k = place[bidder]
                if k == n_budgets or chance >= bids[i, bidder]:
                    continue
                total = so_far[bidder] + cost[i]
                while k < n_budgets and total > budgets[k]:
                    spent[simulation, bidder, k] = so_far[bidder]
                    earned[simulation, bidder, k] = income[bidder]
                    k += 1
                place[bidder] = k
                if k == n_budgets:
                    n_open -= 1
                so_far[bidder] = total
                income[bidder] += revenue[i]
    return spent, earned

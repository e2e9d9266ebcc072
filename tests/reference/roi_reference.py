"""Algorithm 2 spelled out: one simulation, request, bidder and budget after the other, in Python numbers."""

from __future__ import annotations

MASK = 2**64 - 1
STEP = 0x9E3779B97F4A7C15


def mix(state):
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniforms(seed, simulation):
    """The endless stream of a simulation: numbers in [0, 1)."""
    state = mix((seed + STEP * (simulation + 1)) & MASK)
    while True:
        state = (state + STEP) & MASK
        yield (mix(state) >> 11) / 2**53


def one_budget(visitors, bids, cost, revenue, budget, stream):
    """What one bidder has spent and earned when it meets the first request it cannot pay for."""
    total = sum(visitors)
    spent = earned = 0.0
    while True:
        share, chance = next(stream), next(stream)
        i, below = 0, visitors[0]
        while share >= below / total:  # inverse distribution function
            i += 1
            below += visitors[i]
        if chance >= bids[i]:
            continue
        if spent + cost[i] > budget:
            return spent, earned
        spent += cost[i]
        earned += revenue[i]

"""Robust exponential smoothing of one series and the tail of its errors, as the docstrings say it: lists and loops."""

import math

from scipy.stats import t as student_t

EDGES = [0.0] + [0.25 * 1.35**k for k in range(40)]


def survival(seen, size, memory=math.inf):
    """P(|Z| > size) after pairs (size, weight) were seen, the newest last.

    That is 20 observations' worth of Student's t, and the discounted weights.
    """
    sizes = [other for other, _ in seen]
    weights = [weight * (1 - 1 / memory) ** age for age, (_, weight) in enumerate(reversed(seen))][::-1]

    def at_edge(k):
        beyond = sum(weight for weight, other in zip(weights, sizes, strict=True) if other >= EDGES[k])
        return (20 * 2 * student_t.sf(EDGES[k], 4) + beyond) / (20 + sum(weights))

    k = max(place for place, edge in enumerate(EDGES) if edge <= size)
    if k == len(EDGES) - 1:
        return at_edge(k) * ((1 + size) / (1 + EDGES[k])) ** -4
    share = (math.log1p(size) - math.log1p(EDGES[k])) / (math.log1p(EDGES[k + 1]) - math.log1p(EDGES[k]))

    def near(place):
        inside = [edge <= size and (place + 1 == len(EDGES) or size < EDGES[place + 1]) for edge, size in
                  ((EDGES[place], other) for other in sizes)]  # fmt: skip
        return sum(weight for weight, is_in in zip(weights, inside, strict=True) if is_in) / (20 + sum(weights))

    # a size near which many were seen is no rarer than a tenth of them
    return max(
        at_edge(k) ** (1 - share) * at_edge(k + 1) ** share,
        0.1 * (1 + 0.25 * (1 - share)) * near(k),
        0.1 * (1 - 2 * share) * near(k - 1) if k > 0 else 0.0,
    )


class Smoothing:
    """One series without a beginning: the state is neutral, what is learned is learned point by point."""

    def __init__(self, seasons, smoothing, damping, multiplicative, keep, memory, shift=0):
        self.alpha, self.beta, *self.gammas = smoothing
        self.damping, self.multiplicative, self.keep, self.memory = damping, multiplicative, keep, memory
        self.seasons = [[1.0 if multiplicative else 0.0] * n for n in seasons]
        self.visits = [[0] * n for n in seasons]
        self.level = self.trend = self.scale = self.wide = 0.0
        self.known = self.run = self.gap = self.time = 0
        self.sizes = []
        self.shift, self.offset, self.watched = shift, 0, None

    def _parts(self, moved=0):
        return [season[(self.time + self.offset + moved) % len(season)] for season in self.seasons]

    def _watch(self, x):
        """What the season leaves of a point, here, a shift earlier and a shift later: deviation and mean of each."""
        keep, cap = 1 - 1 / max(len(self.seasons[0]) / 8, 16), 3 * self.scale
        lefts = []
        for moved in (0, -self.shift, self.shift):
            parts = self._parts(moved)
            lefts.append(x / math.prod(parts) if self.multiplicative else x - sum(parts))
        known = self.watched or [(self.scale / math.sqrt(math.pi / 2), left) for left in lefts]
        self.watched = [
            (
                keep * deviation + (1 - keep) * min(abs(left - mean), cap),
                keep * mean + (1 - keep) * min(max(left, mean - cap), mean + cap),
            )
            for left, (deviation, mean) in zip(lefts, known, strict=True)
        ]
        here, earlier, later = (deviation for deviation, _ in self.watched)
        if here > 1.5 * self.scale / math.sqrt(math.pi / 2) and min(earlier, later) < 0.5 * here:
            self.offset += -self.shift if earlier < later else self.shift
            self.watched = None

    def step(self, x):
        """(surprise, expected) of the next point, which is learned."""
        parts, phases = self._parts(), [(self.time + self.offset) % len(season) for season in self.seasons]
        now = math.prod(parts) if self.multiplicative else sum(parts)
        ahead = self.level + self.damping * self.trend
        expected = (ahead * now if self.multiplicative else ahead + now) if self.known else math.nan
        if math.isnan(x):
            self.level, self.trend, self.gap = ahead, self.damping * self.trend, self.gap + 1
            surprise = math.nan
        elif self.known == 0:
            self.level, self.known, surprise = (x / now if self.multiplicative else x - now), 1, 0.0
        else:
            if self.shift and self.known >= 10:
                self._watch(x)
            surprise = self._learn(x, ahead, parts, now, phases)
        self.time += 1
        return surprise, expected

    def _learn(self, x, ahead, parts, now, phases):
        error = (x - ahead * now) / now if self.multiplicative else x - ahead - now
        scale = max(self.scale, 0.1 * self.wide) * math.sqrt(1 + self.gap * self.alpha**2)
        unit = max(scale, 1e-6 * abs(self.level))
        size = (abs(error) / unit if unit else 1e6) if error else 0.0
        surprise = -math.log10(min(survival(self.sizes, size, self.memory), 1.0)) if self.known >= 10 else 0.0
        if self.known >= 10:
            self.sizes.append((size, 0.1 if surprise > 4 else 1.0))
        learned = self._bounded(error, 3 * scale)
        self.known, self.gap = self.known + 1, 0
        share = max(1 / self.known, self.keep)
        self.scale += share * (math.sqrt(math.pi / 2) * min(abs(learned), 4 * scale or math.inf) - self.scale)
        self.wide += max(1 / self.known, 0.4 * self.keep) * (min(abs(error), 5_000 * scale or math.inf) - self.wide)
        gain = max(self.alpha, 1 / self.known, 0.5 if abs(self.run) >= 8 else 0)
        self.level = ahead + gain * learned
        self.trend = self.damping * self.trend + self.alpha * self.beta * learned
        if self.run:
            learned = math.copysign(3 * scale, error)
        for which, season in enumerate(self.seasons):
            phase = phases[which]
            rate = max(self.gammas[which], 1 / (2 + self.visits[which][phase]))
            self.visits[which][phase] = min(self.visits[which][phase] + 1, 100)
            left = (1 - gain) * learned
            if not self.multiplicative:
                season[phase] += rate * left
                continue
            left *= parts[which]
            change = left / self.level if abs(self.level) > abs(left) * 1e-3 else 0.0
            season[phase] = min(max(season[phase] + rate * change, 0.05), 20.0)
        return surprise

    def _bounded(self, error, bound):
        if self.known < 10 or bound <= 0 or abs(error) <= bound:
            self.run = 0
            return error
        sign = 1 if error > 0 else -1
        self.run = max(min((self.run if self.run * sign > 0 else 0) + sign, 16), -16)
        return sign * min(abs(error), bound * 2 ** (abs(self.run) - 1))

"""Which anomalies to ask people about: most at random among those shown, some where the answer is least certain.

Random ones teach about what is shown, and only they tell how often it is wanted. Asking for the strongest alone makes
the first answers worse than none; asking for the least certain alone is no better than random on average.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from tocsin.errors import InputError

__all__ = ["UNCERTAIN_SHARE", "Question", "propose_questions"]

UNCERTAIN_SHARE = 0.3
"""The part of the questions that goes to the least certain."""


@dataclass(frozen=True, slots=True)
class Question:
    """An anomaly that could be asked about.

    id       : what the answer is given to
    score    : adjusted score g, positive = shown; variance: of g
    shown    : whether people were told of it
    incident : what it belongs to; "" = nothing
    type     : the kind of anomaly it is; None = not known
    """

    id: str
    score: float
    variance: float
    shown: bool
    incident: str = ""
    type: int | None = None

    @property
    def certainty(self) -> float:
        """|g| / sqrt(1 + pi/8 variance): how far the expected answer is from even odds; not finite = very far."""
        if not (math.isfinite(self.score) and math.isfinite(self.variance)):
            return math.inf
        return abs(self.score) / math.sqrt(1.0 + math.pi / 8.0 * max(self.variance, 0.0))


def propose_questions(
    candidates: Iterable[Question], n: int, *, answered: Collection[str] = (), seed: str | Sequence[str] = ""
) -> tuple[Question, ...]:
    """At most `n` anomalies whose answers help most.

    70 % are drawn at random among those shown, the others are those, shown or not, whose answer is least certain. No
    two are of one incident or type as long as there are others, of any group; where one group is too small, the other
    makes up for it.

    Parameters
    ----------
    candidates : in any order; of equal ids that which is shown and least certain counts
    n : how many people want; 0 = none
    answered : ids of anomalies and incidents that have been answered; nothing of these is asked again
    seed : what the random choice depends on, like the monitor's name and the window: the same run asks the same

    Raises
    ------
    InputError : n below 0
    """
    if n < 0:
        raise InputError("How many questions to ask", allowed="0 or more", got=n)
    known = frozenset(answered)
    open_ones: dict[str, Question] = {}
    for one in sorted(candidates, key=lambda one: (one.id, not one.shown, one.certainty, one.incident)):
        if one.id not in known and (not one.incident or one.incident not in known):
            open_ones.setdefault(one.id, one)
    chance = _generator(seed)
    by_id = list(open_ones.values())
    # a fraction of a question is asked so often: of 3 questions 0.9 go to the least certain
    n_uncertain = math.floor(UNCERTAIN_SHARE * n + chance.random())
    shown = [one for one in by_id if one.shown]
    at_random = [shown[place] for place in chance.permutation(len(shown))]
    least_certain = sorted(by_id, key=lambda one: (one.certainty, one.id))
    choice = _Choice()
    for repeats in (Repeats.NONE, Repeats.TYPE, Repeats.INCIDENT):
        choice.n_random += choice.add(
            at_random, min(n - n_uncertain - choice.n_random, n - len(choice.chosen)), repeats
        )
        choice.add(least_certain, n - len(choice.chosen), repeats)
    return tuple(choice.chosen)


class Repeats(enum.Enum):
    """What may be the same in two questions."""

    NONE = 0
    TYPE = 1
    INCIDENT = 2


class _Choice:
    """The questions chosen so far, in this order."""

    def __init__(self) -> None:
        self.chosen: list[Question] = []
        self.n_random = 0
        self._ids: set[str] = set()
        self._incidents: set[str] = set()
        self._types: set[int] = set()

    def add(self, ranked: Sequence[Question], n: int, repeats: Repeats) -> int:
        """Take the first `n` that may be taken; gives how many there were."""
        n_before = len(self.chosen)
        for one in ranked:
            if len(self.chosen) - n_before >= n:
                break
            if self._may_take(one, repeats):
                self.chosen.append(one)
                self._ids.add(one.id)
                self._incidents |= {one.incident} if one.incident else set()
                self._types |= set() if one.type is None else {one.type}
        return len(self.chosen) - n_before

    def _may_take(self, one: Question, repeats: Repeats) -> bool:
        if one.id in self._ids or (repeats is not Repeats.INCIDENT and one.incident in self._incidents):
            return False
        return repeats is not Repeats.NONE or one.type not in self._types


def _generator(seed: str | Sequence[str]) -> np.random.Generator:
    text = seed if isinstance(seed, str) else "\n".join(seed)
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))

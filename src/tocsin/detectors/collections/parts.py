"""The past of many entities, some of them at a time: checked while an engine reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tocsin.detectors.collections.engine import Part
from tocsin.detectors.collections.reading import read_anomalous, read_counts, read_fine
from tocsin.errors import InputError

__all__ = ["Parts"]


class Parts:
    """Checked parts, to be read once.

    Attributes
    ----------
    n_entities, n_bins, n_fine : of what has been read so far; n_fine is 0 without finer spans
    """

    def __init__(self, parts: Iterable[Sequence[Any]], n_periods: int, n_labels: int | None) -> None:
        self._parts, self._n_periods, self._n_labels = parts, n_periods, n_labels
        self.n_entities, self.n_bins, self.n_fine = 0, 0, 0

    def __iter__(self) -> Iterator[Part]:
        """Raises `InputError` for data as in `CollectionDetector.fit`, parts that differ, and no parts at all."""
        n_parts = 0
        for counts, fine, anomalous in self._parts:
            yield self._checked(counts, fine, anomalous, is_first=n_parts == 0)
            n_parts += 1
        if not n_parts:
            raise InputError("No parts to learn from", allowed="at least one")
        if self._n_labels not in (None, self.n_entities):
            allowed = f"one label an entity, {self.n_entities:,}"
            raise InputError("The peer groups", allowed=allowed, got=self._n_labels)

    def _checked(self, counts: Any, fine: Any, anomalous: Any, *, is_first: bool) -> Part:
        now = read_counts(counts, "counts", (None, None, None if is_first else self.n_bins))
        n, n_periods, self.n_bins = now.shape
        if n_periods != self._n_periods:
            allowed = f"{n_periods}, as the counts have"
            raise InputError("The number of periods", allowed=allowed, got=self._n_periods)
        spans = None if fine is None else read_fine(fine, "fine", (n, n_periods, None if is_first else self.n_fine))
        n_fine = 0 if spans is None else int(spans.shape[2])
        if not is_first and n_fine != self.n_fine:
            raise InputError("Parts differ", allowed="fine in all of them or in none")
        self.n_fine = n_fine
        self.n_entities += n
        return now, spans, read_anomalous(anomalous, n, n_periods)

"""How well detectors find farmed days: our modes beside drift tests, on the same streams in one run.

Rates are pooled over the entities of a kind and magnitude, and over streams of one name. Processor time is that of fit
and all updates of a stream, over all threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData
from tocsin.evaluate.collections_measures import rates_of
from tocsin.evaluate.collections_streams import CollectionContestant, Said, Stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CollectionsResult", "Trial", "compare_collections"]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A stream and how each of its entities is farmed.

    kind : (n_entities,) words; "none" = never farmed
    magnitude : (n_entities,) fakes over honest records
    """

    stream: Stream
    kind: npt.NDArray[np.object_]
    magnitude: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CollectionsResult:
    """What was measured.

    Attributes
    ----------
    rates : pandas.DataFrame
        One line a set, kind, magnitude, alpha and detector: set, kind, magnitude, alpha, detector, told (it was given
        alpha and ten true anomalies), n_farmed, n_clean (days), tpr, fpr, accuracy, f1, auc, found_at_1 (TPR at the
        threshold that flags 1 % of the clean days), tpr_se, fpr_se, auc_se.
    seconds : pandas.DataFrame
        One line a detector: detector, cpu_seconds (all streams), collections (entities x days judged).
    failures : pandas.DataFrame
        One line a set and detector that gave no answer: set, detector, reason.
    """

    rates: pd.DataFrame
    seconds: pd.DataFrame
    failures: pd.DataFrame


def compare_collections(
    trials: Sequence[Trial],
    detectors: Sequence[CollectionContestant],
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> CollectionsResult:
    """Let every detector watch every stream.

    Parameters
    ----------
    trials : sequence of Trial
        Those of one name are pooled.
    detectors : sequence of CollectionContestant
        See `collection_contestants`.
    progress : callable, optional
        Called with ("streams", done, total).

    Raises
    ------
    NotEnoughData
        No trial or no detector.
    """
    import pandas as pd

    if not trials or not detectors:
        raise NotEnoughData(
            "Streams and detectors to compare", allowed="at least one each", got=(len(trials), len(detectors))
        )
    cells: dict[tuple[Any, ...], list[tuple[Any, Any, Any]]] = {}
    spent: dict[str, list[float]] = {detector.name: [0.0, 0] for detector in detectors}
    failures: dict[tuple[str, str], str] = {}
    total = len(trials) * len(detectors)
    for done, (trial, detector) in enumerate((trial, detector) for trial in trials for detector in detectors):
        if progress is not None:
            progress("streams", done, total)
        start = time.process_time()
        try:
            said = detector.watch(trial.stream)
        except InputError as error:
            failures.setdefault((trial.stream.name, detector.name), str(error))
            continue
        spent[detector.name][0] += time.process_time() - start
        spent[detector.name][1] += int(trial.stream.judged.sum())
        _sort_into(cells, trial, detector, said)
    if progress is not None:
        progress("streams", total, total)
    names = ("set", "kind", "magnitude", "alpha", "detector", "told")
    lines = [
        {
            **dict(zip(names, key, strict=True)),
            **rates_of(*(np.concatenate(part) for part in zip(*days, strict=True))).as_dict(),
        }
        for key, days in cells.items()
    ]
    return CollectionsResult(
        rates=pd.DataFrame(lines),
        seconds=pd.DataFrame(
            [(name, *values) for name, values in spent.items()], columns=["detector", "cpu_seconds", "collections"]
        ),
        failures=pd.DataFrame([(*key, why) for key, why in failures.items()], columns=["set", "detector", "reason"]),
    )


def _sort_into(
    cells: dict[tuple[Any, ...], list[tuple[Any, Any, Any]]], trial: Trial, detector: CollectionContestant, said: Said
) -> None:
    """Flags, truth and scores of the judged days, by how the entities are farmed."""
    stream = trial.stream
    for kind, magnitude in dict.fromkeys(zip(trial.kind.tolist(), trial.magnitude.tolist(), strict=True)):
        rows = (trial.kind == kind) & (trial.magnitude == magnitude)
        judged = stream.judged[rows]
        key = (stream.name, kind, magnitude, stream.alpha, detector.name, detector.told)
        parts = (said.flagged, stream.truth, said.score)
        flagged, farmed, score = (part[rows][judged] for part in parts)
        cells.setdefault(key, []).append((flagged, farmed, score))

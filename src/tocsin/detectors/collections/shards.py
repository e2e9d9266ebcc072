"""Many more entities than fit into memory: one shard's state in a folder, judged by one function on any machine."""

from __future__ import annotations

from os import PathLike
from typing import Any

import pandas as pd

from tocsin.detectors.collections.detector import CollectionDetector

__all__ = ["judge_shard"]


def judge_shard(
    before: str | PathLike[str], after: str | PathLike[str], counts: Any, period: Any, fine: Any = None
) -> pd.DataFrame:
    """Judge one period of one shard's entities, and leave the state that follows.

    Parameters
    ----------
    before : folder that `CollectionDetector.save` has written: the shard's state before the period
    after : folder for its state after it; another one than `before`, so that a task that is started again, as Spark
        does, finds what it began with
    counts, period, fine : as in `CollectionDetector.update`

    Returns
    -------
    As `CollectionDetector.update`.

    Examples
    --------
    On Spark, a partition a shard, with the counts of entity k in column counts:

    >>> def judge(frames):  # doctest: +SKIP
    ...     for frame in frames:
    ...         counts = np.stack(frame.sort_values("row")["counts"])
    ...         yield judge_shard(before, after, counts, period)
    """
    detector = CollectionDetector.load(before, memory_mapped=True)
    result = detector.update(counts, period, fine)
    detector.save(after)
    return result

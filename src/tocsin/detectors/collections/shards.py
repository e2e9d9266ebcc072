"""Many more entities than fit into memory: one shard's state in a folder, judged by one function on any machine.

At n = 30, m = 10 and 24 bins an entity takes 3,586 bytes (calibrated), 4,504 (faithful, one level) or 15,400 (both):
of 10 million entities a hundred shards of 100,000, 359 MB each. The calibrated mode takes the entities of a shard for
one another's peers: a shard had best hold entities of a kind.
"""

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
    On Spark, a group a shard, with the counts of one entity in a row, numbered in the order of fit:

    >>> def judge(frame):  # doctest: +SKIP
    ...     folder, frame = f"/shards/{frame['shard'].iloc[0]}", frame.sort_values("entity")
    ...     result = judge_shard(f"{folder}/0", f"{folder}/1", np.stack(frame["counts"]), period)
    ...     return result[["p_value", "flagged"]].assign(entity=frame["entity"].to_numpy())
    >>> table.groupBy("shard").applyInPandas(judge, "p_value double, flagged boolean, entity long")  # doctest: +SKIP
    """
    detector = CollectionDetector.load(before, memory_mapped=True)
    result = detector.update(counts, period, fine)
    detector.save(after)
    return result

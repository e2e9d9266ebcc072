"""`tocsin evaluate series`: how well detectors find labelled anomalies in time series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tocsin.cli.console import Console
    from tocsin.evaluate.series import SeriesResult

__all__ = ["evaluate_series"]

NOTHING = "–"


def evaluate_series(
    data: Annotated[
        Path, typer.Option(help="A Parquet or CSV file with columns series, timestamp, value, or a folder of such.")
    ],
    labels: Annotated[str, typer.Option(help="Column: abnormal or not, 1 or 0; detectors do not see it.")] = "label",
    detector: Annotated[
        list[str] | None, typer.Option(help="Only this detector (repeatable); all that are installed if not given.")
    ] = None,
    series: Annotated[int | None, typer.Option(min=1, help="Of more series in a file, so many are drawn.")] = None,
    points: Annotated[int, typer.Option(min=10, help="Of history, and of what comes next, at most so many.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of detectors, and of drawn series.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write everything as FILE.json.")] = None,
) -> None:
    """Compare our series detectors with plain rules and others' detectors on series of known anomalies.

    Each learns from a history (the rows whose column `part` is "train", or the first 15 %) and scores what comes next.

    Example: tocsin evaluate series --data kpi.parquet --labels label --series 10
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render_collections import write_frames
    from tocsin.evaluate.series import compare_series, read_series_sets
    from tocsin.evaluate.series_contestants import series_contestants

    if out is not None and out.suffix != ".json":
        raise typer.BadParameter(f"--out {str(out)!r} does not end in .json")
    found, missing = series_contestants(detector or ())
    sets, left_out = read_series_sets(data, label=labels, n_series=series, n_points=points, seed=seed)
    console = Console()
    with console.progress() as progress:
        result = compare_series(sets, found, seed=seed, missing=missing, left_out=left_out, progress=progress)
    _render(console, result)
    if out is not None:
        parts = ("sets", "scores", "summary", "failures", "missing", "left_out")
        write_frames({name: getattr(result, name) for name in parts}, out)
        console.lines([f"written: {out}"])


def _render(console: Console, result: SeriesResult) -> None:
    """Two tables a set, by point and by event, and what was not run."""
    sets: list[Any] = list(result.sets.itertuples(index=False))
    for one in sets:
        console.heading(str(one.set))
        share = 100 * one.abnormal
        console.lines([f"{one.n_series} series, {one.points:,} new points, {share:.2f} % of them abnormal", ""])
        lines = result.summary[result.summary["set"] == one.set].to_dict("records")
        console.lines(["By point; mean over series ± standard error"])
        columns = ("detector", "AUROC", "AUPRC", "best F1", "outside", "CPU s")
        console.table(columns, [_by_point(line) for line in lines])
        console.lines(["By event"])
        columns = ("detector", "VUS-PR", "event F1", "precision", "recall", "adjusted F1")
        console.table(columns, [_by_event(line) for line in lines])
        failed = result.failures[result.failures["set"] == one.set]
        console.lines([f"no scores: {line.detector}: {line.reason}" for line in failed.itertuples(index=False)])
    console.lines(["", "Outside: normal points, of the 99 % band. Best F1s choose their thresholds by the labels."])
    console.lines([f"not run: {name}: {reason}" for name, reason in result.missing.items()])
    console.lines([f"left out: {name}: {reason}" for name, reason in result.left_out.items()])


def _by_point(line: Mapping[Any, Any]) -> tuple[str, ...]:
    measures = (_measure(line, name) for name in ("auroc", "auprc", "best_f1"))
    outside = NOTHING if math.isnan(line["outside"]) else f"{100 * line['outside']:.2f} %"
    return (line["detector"], *measures, outside, f"{line['cpu_seconds']:.1f}")


def _by_event(line: Mapping[Any, Any]) -> tuple[str, ...]:
    measures = (_measure(line, name) for name in ("vus_pr", "event_f1"))
    rates = (f"{line[name]:.3f}" for name in ("event_precision", "event_recall"))
    return (line["detector"], *measures, *rates, _measure(line, "adjusted_f1"))


def _measure(line: Mapping[Any, Any], name: str) -> str:
    error = line[f"{name}_se"]
    return f"{line[name]:.3f}" + ("" if math.isnan(error) else f"±{error:.3f}".replace("±0", "±"))

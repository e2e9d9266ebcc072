"""`tocsin evaluate relevancy`: what answers are worth."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tocsin.cli.console import Console
    from tocsin.evaluate.relevancy import Quality
    from tocsin.oracle import Gain, Summary

__all__ = ["evaluate_relevancy"]

NOTHING = "–"
ANSWERS = [5, 10, 20, 50, 100]


def evaluate_relevancy(
    data: Annotated[
        list[Path] | None, typer.Argument(help="Parquet or CSV files of labelled series; none: only simulated ones.")
    ] = None,
    series: Annotated[int, typer.Option(min=0, help="How many simulated series; the paper has 100, 0 leaves out.")] = 6,
    points: Annotated[int, typer.Option(min=1_000, help="Points of a simulated series.")] = 200_000,
    detector: Annotated[
        list[str] | None, typer.Option(help="IID, HW, RCF or RNN (repeatable); RNN needs the extra deep.")
    ] = None,
    answers: Annotated[list[int] | None, typer.Option(help="How many, about labelled series (repeatable).")] = None,
    alerts: Annotated[float, typer.Option(help="Share of the points of labelled series that are reported.")] = 0.006,
    most: Annotated[int, typer.Option(min=1, help="Of each file at most so many series.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Other series, and other questions.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write every series' row as FILE.json.")] = None,
) -> None:
    """Let an oracle answer, and compare what is reported with and without its answers, point by point.

    Prints the paper's Tables 1 and 2 beside ours, in its own mode (faithful) and in ours (default).

    Example: tocsin evaluate relevancy kpi.parquet --series 12
    """
    from dataclasses import asdict

    from tocsin.cli.console import Console
    from tocsin.errors import NotEnoughData
    from tocsin.evaluate import read_columns
    from tocsin.evaluate.labelled_series import read_labelled_series
    from tocsin.oracle import DETECTORS, rows_of_series, rows_of_spikes, summaries

    if out is not None and out.suffix != ".json":
        raise typer.BadParameter(f"--out {str(out)!r} does not end in .json")
    with_torch = importlib.util.find_spec("torch") is not None
    chosen = detector or [name for name in DETECTORS if with_torch or name != "RNN"]
    console, written = Console(), {}
    with console.progress() as progress:
        if series:
            spikes = rows_of_spikes(chosen, n_series=series, n_points=points, seed=seed, progress=progress)
            written["simulated"] = list(spikes)
            _render_spikes(console, summaries(written["simulated"]), n_series=series, n_points=points)
        for path in data or ():
            found = read_labelled_series(read_columns(path, "A table of series"))[:most]
            settings: dict[str, Any] = {"answers": sorted(answers or ANSWERS), "alert_share": alerts, "seed": seed}
            rows = list(rows_of_series(found, chosen, **settings, progress=progress))
            if not rows:
                raise NotEnoughData(f"No series of {path.name} has candidates enough to ask about and to choose from")
            _render_series(console, summaries(rows), path.name, len(found), alerts, with_torch=with_torch)
            written[path.stem] = rows
    if not detector and not with_torch:
        console.lines(["", "not run: RNN, which needs torch (the extra deep)"])
    if out is not None:
        plain = {name: [asdict(row) for row in rows] for name, rows in written.items()}
        out.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        console.lines([f"written: {out}"])


def _render_spikes(console: Console, found: list[Summary], *, n_series: int, n_points: int) -> None:
    from tocsin.oracle import TABLE_2

    console.heading("Table 2: simulated spikes up and down, only those down are wanted")
    console.lines(
        [
            f"{n_series} series of {n_points:,} points; answers in 5 batches of 20, the other 15 count. "
            "F1/precision/recall, point by point, mean over series; ± standard error.",
        ]
    )
    lines = []
    for one in found:
        printed = TABLE_2[one.detector]
        paper = (f"{_triple(printed.base)} to {_triple(printed.answered)}",) if one.mode == "faithful" else ("",)
        lines.append((one.detector, one.mode, _quality(one.base), _quality(one.own), _gain(one.own_gain), *paper))
    console.table(("", "mode", "without", "with answers", "F1 gained", "as printed"), lines)


def _render_series(
    console: Console, found: list[Summary], name: str, n_series: int, alerts: float, *, with_torch: bool
) -> None:
    from tocsin.oracle import TABLE_1_GAINS

    encoder = "by its auto-encoder" if with_torch else "on the windows as they are: its auto-encoder needs torch"
    console.heading(f"Table 1: labelled series, {name}")
    console.lines(
        [
            f"{max(one.n_series for one in found)} of {n_series} series have candidates enough; {100 * alerts:g} % of "
            "the points are reported. Answers are about the third quarter, the last one counts.",
            f"Faithful mode {encoder}. own: with relevancy's number of alerts; same: with as many as without answers. "
            "The paper's gains in F1 are by a metric that it does not name.",
        ]
    )
    most = max(one.n_answers for one in found)
    lines = []
    for one in (one for one in found if one.n_answers == most):
        paper = f"+{TABLE_1_GAINS[one.detector]:.2f}" if one.mode == "faithful" else ""
        gains = (_gain(one.own_gain), _gain(one.same_gain))
        lines.append((one.detector, one.mode, _quality(one.base), _quality(one.own), *gains, paper))
    console.lines(["", f"{most} answers"])
    columns = ("", "mode", "without", "with answers", "own", "same", "printed")
    console.table(columns, lines)
    numbers = sorted({one.n_answers for one in found})
    console.lines(["", "F1 gained with the same number of alerts, by the number of answers"])
    curves: dict[tuple[str, str], dict[int, str]] = {}
    for one in found:
        curves.setdefault((one.detector, one.mode), {})[one.n_answers] = _gain(one.same_gain)
    console.table(
        ("", "mode", *map(str, numbers)),
        [(*key, *(curve.get(number, NOTHING) for number in numbers)) for key, curve in curves.items()],
    )


def _quality(quality: Quality) -> str:
    return _triple((quality.f1, quality.precision, quality.recall))


def _triple(values: tuple[float, float, float]) -> str:
    """ ".48/.39/.63", as the paper prints them: short enough to stand side by side on a narrow terminal."""
    return "/".join(f"{value:.2f}".replace("0.", ".", 1) for value in values)


def _gain(gain: Gain | None) -> str:
    if gain is None:
        return NOTHING
    return f"{gain.mean:+.3f}".replace("0.", ".", 1) + (
        "" if math.isnan(gain.error) else f"±{gain.error:.3f}".replace("0.", ".", 1)
    )

"""What `tocsin evaluate collections` and `tocsin evaluate power` print, write and draw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.cli.console import Console
from tocsin.formatting import format_count, format_number

if TYPE_CHECKING:
    import pandas as pd

    from tocsin.evaluate import CollectionsResult, PaperResult, PowerResult

__all__ = ["plot_power", "render_collections", "render_paper", "render_power", "write_frames"]

NOTHING = "–"
_ACROSS = 3
"""Detectors side by side; with more, lines break on a narrow terminal."""


def render_paper(console: Console, result: PaperResult, remarks: tuple[str, ...]) -> None:
    """Each of the paper's tables, ours beside the printed figures, and what is known to be wrong with those."""
    for table in ("II", "III", "IV", "VI"):
        rows = [row for row in _rows(result.rows) if row.table == table]
        if rows:
            console.heading(f"Table {table}")
            console.lines(["per cent, ± standard error; paper: as printed"])
            _render_cells(console, rows)
        console.lines(
            [
                f"mean |difference of ACC| {one.mean_points:.1f} points, largest {one.largest_points:.1f}"
                for one in _rows(result.differences)
                if one.table == table
            ]
        )
    _render_equations(console, result)
    calibrated = [row for row in _rows(result.rows) if row.detector == "calibrated"]
    if calibrated:
        console.heading("Calibrated mode in the protocol of Tables III and IV, told nothing")
        _render_cells(console, calibrated)
    _render_roc(console, result.roc)
    console.lines([f"not run: Table {table}: {reason}" for table, reason in result.not_run.items()])
    console.heading("Of the paper's figures")
    console.lines([f"  {remark}" for remark in remarks])


def _render_cells(console: Console, rows: list[Any]) -> None:
    """A table a level and kind, a line an alpha."""
    for detector, level, kind in dict.fromkeys((row.detector, row.level, row.kind) for row in rows):
        name = f"{detector}, level {level}, {kind}" if level else f"{detector}, {kind}"
        cells = [row for row in rows if (row.detector, row.level, row.kind) == (detector, level, kind)]
        console.lines(["", name])
        lines = []
        for row in cells:
            figures = (_beside(row, part) for part in ("tpr", "fpr", "accuracy"))
            lines.append((f"{row.alpha:g}", *(text for pair in figures for text in pair), _three(row.auc)))
        console.table(("alpha", "TPR", "paper", "FPR", "paper", "ACC", "paper", "AUC"), lines)


def _beside(row: Any, part: str) -> tuple[str, str]:
    value, error, printed = (getattr(row, name) for name in (part, f"{part}_se", f"paper_{part}"))
    ours = f"{100 * value:.1f}" if math.isnan(error) else f"{100 * value:.1f} ± {100 * error:.1f}"
    return ours, NOTHING if math.isnan(printed) else f"{100 * printed:.4g}"


def _render_equations(console: Console, result: PaperResult) -> None:
    if not len(result.thresholds):
        return
    console.heading("Table V")
    console.lines(["sum of four F1 (two levels, two kinds), alpha .1, by the equation of the threshold"])
    rows = [
        (
            row.equation,
            f"{row.f1_sum:.2f}" + ("" if math.isnan(row.f1_sum_se) else f" ± {row.f1_sum_se:.2f}"),
            f"{row.paper:.2f}",
        )
        for row in _rows(result.thresholds)
    ]
    console.table(("equation", "ours", "as printed"), rows)


def _render_roc(console: Console, roc: pd.DataFrame) -> None:
    if not len(roc):
        return
    console.heading("ROC, alpha .1")
    console.lines(["TPR in per cent at a false-positive rate of"])
    rates = sorted(roc["fpr"].unique())
    rows = []
    for (detector, level, kind), lines in roc.groupby(["detector", "level", "kind"], sort=False):
        found = lines.set_index("fpr")["tpr"]
        name = f"{detector}, level {level}" if level else str(detector)
        rows.append((name, str(kind), *(f"{100 * found[rate]:.0f}" for rate in rates)))
    console.table(("detector", "kind", *(f"{rate:.0%}" for rate in rates)), rows)


def render_collections(console: Console, result: CollectionsResult) -> None:
    """One table a set and alpha: attacks down, detectors across: TPR / FPR (AUC)."""
    for (name, alpha), lines in result.rates.groupby(["set", "alpha"], sort=False):
        console.heading(f"{name}, alpha {alpha:g}")
        console.lines(
            ["per cent found of farmed / flagged of clean days (AUC); * is told alpha and ten such anomalies"]
        )
        detectors = list(dict.fromkeys(lines["detector"] + lines["told"].map({True: "*", False: ""})))
        for first in range(0, len(detectors), _ACROSS):
            _render_attacks(console, lines, detectors[first : first + _ACROSS])
    console.heading("Processor time")
    spent = [(row.detector, format_number(row.cpu_seconds), f"{row.collections:,}") for row in _rows(result.seconds)]
    console.table(("detector", "CPU s", "collections"), spent)
    console.lines([f"no answer: {row.set}: {row.detector}: {row.reason}" for row in _rows(result.failures)])


def _render_attacks(console: Console, lines: pd.DataFrame, detectors: list[str]) -> None:
    rows = []
    for (kind, magnitude), cells in lines.groupby(["kind", "magnitude"], sort=False):
        of = {row.detector + "*" * row.told: row for row in _rows(cells)}
        attack = "clean" if kind == "none" else f"{kind}, nu {magnitude:g}"
        days = f"{int(cells['n_farmed'].iloc[0]):,} / {int(cells['n_clean'].iloc[0]):,}"
        rows.append((attack, days, *(_rates(of[name]) if name in of else NOTHING for name in detectors)))
    console.table(("attack", "days", *detectors), rows)


def _rates(row: Any) -> str:
    false = f"{100 * row.fpr:.1f}"
    return f"{NOTHING} / {false}" if math.isnan(row.tpr) else f"{100 * row.tpr:.0f} / {false} ({_three(row.auc)})"


def render_power(console: Console, result: PowerResult) -> None:
    """Share found by magnitude, and the smallest magnitude that is found half the time."""
    magnitudes = sorted(result.curves["magnitude"].unique())
    for kind, lines in result.curves.groupby("kind", sort=False):
        console.heading(f"{result.detector}, {kind} fakes")
        console.lines(["per cent of farmed days found, by fakes over honest records"])
        rows = []
        for band, cells in lines.groupby("band", sort=False):
            found = cells.set_index("magnitude")["found"]
            sizes = (NOTHING if math.isnan(found[size]) else f"{100 * found[size]:.0f}" for size in magnitudes)
            rows.append((f"{band:,}", int(cells["n_entities"].iloc[0]), *sizes, _false(cells)))
        console.table(("records a day", "entities", *(f"{size:g}" for size in magnitudes), "flagged clean"), rows)
    console.heading("The smallest attack that is found half the time")
    rows = [(str(row.kind), f"{row.band:,}", _size(row, magnitudes)) for row in _rows(result.smallest)]
    console.table(("kind", "records a day", "fakes over honest records"), rows)
    counted = result.curves[["n_farmed", "n_clean"]].sum()
    console.lines(
        [f"{format_count(int(counted['n_farmed']), 'farmed day')} and {int(counted['n_clean']):,} clean ones"]
    )


def _false(cells: pd.DataFrame) -> str:
    flagged = (cells["false_positives"] * cells["n_clean"]).sum()
    return f"{100 * flagged / max(cells['n_clean'].sum(), 1):.1f} %"


def _size(row: Any, magnitudes: list[float]) -> str:
    if math.isnan(row.magnitude):
        return f"none up to {magnitudes[-1]:g}"
    return f"at most {row.magnitude:g}" if row.at_most else f"{row.magnitude:.2f}"


def plot_power(result: PowerResult, kind: str) -> str:
    """Share found against magnitude, a line a volume, as an SVG document."""
    from tocsin.report import ChartLine, draw_power

    lines = result.curves[result.curves["kind"] == kind]
    drawn = []
    for band, cells in lines.groupby("band", sort=False):
        found, error = cells["found"], 1.96 * cells["found_se"]
        bars = (found - error).clip(lower=0), (found + error).clip(upper=1)
        drawn.append(ChartLine(f"{band:,} a day", found.tolist(), *(bar.tolist() for bar in bars)))
    return draw_power(sorted(lines["magnitude"].unique()), drawn, kind=kind)


def write_frames(frames: Mapping[str, Any], file: Path) -> None:
    """Tables (a list of records each) and plain values as FILE.json, as a whole or not at all."""
    whole = {name: value if not hasattr(value, "to_dict") else _records(value) for name, value in frames.items()}
    unfinished = file.with_name(f".{file.name}.partial")
    unfinished.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8", errors="backslashreplace")
    unfinished.replace(file)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        for record in table.astype(object).to_dict("records")
    ]


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples(index=False))


def _three(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.3f}"

"""What `tocsin evaluate contextual` prints and writes."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.cli.console import Console
from tocsin.formatting import format_count, format_number, format_ratio, spreadsheet_text

if TYPE_CHECKING:
    import pandas as pd

    from tocsin.evaluate import ContextualResult

__all__ = ["render_contextual", "write_contextual"]

NOTHING = "–"


def render_contextual(console: Console, result: ContextualResult) -> None:
    """The sets beside the paper's, one table of detectors a set, then all sets together, and what was left out."""
    for one in _rows(result.sets):
        _render_set(console, result, one)
    console.heading("All sets")
    console.lines(["mean rank: 1 = best on every set; won, tied, lost: sets, against IsolationForest"])
    console.table(
        ("detector", "mean rank", "mean AP", "sets", "won, tied, lost", "CPU s"),
        [
            (
                row.detector,
                f"{row.mean_rank:.2f}",
                _three(row.average_precision),
                row.n_sets,
                f"{row.wins}, {row.ties}, {row.losses}" if row.n_sets else NOTHING,
                format_number(row.cpu_seconds) if row.n_sets else NOTHING,
            )
            for row in _rows(result.summary)
        ],
    )
    console.lines([f"not run: {name}: {reason}" for name, reason in result.missing.items()])
    console.lines([f"left out: {name}: {reason}" for name, reason in result.left_out.items()])


def write_contextual(result: ContextualResult, file: Path) -> None:
    """Everything as FILE.json, or the average precisions as FILE.csv, as a whole or not at all."""
    text = _json(result) if file.suffix == ".json" else _csv(result.scores)
    unfinished = file.with_name(f".{file.name}.partial")
    unfinished.write_text(text, encoding="utf-8", newline="", errors="backslashreplace")
    unfinished.replace(file)


def _render_set(console: Console, result: ContextualResult, one: Any) -> None:
    console.heading(str(one.set))
    columns = f"{format_count(one.numbers, 'number')} and {format_count(one.categories, 'category', 'categories')}"
    if one.set_aside:
        columns += f", {one.set_aside} set aside"
    share = format_ratio(one.anomalies / one.rows, 3)
    console.lines([f"{format_count(one.rows, 'row')}, {columns}; {one.anomalies:,} anomalies ({share})"])
    if one.title:
        paper = f"{int(one.paper_rows):,} rows, {int(one.paper_columns)} columns, {int(one.paper_anomalies):,} outliers"
        console.lines([f"in the paper, {one.title}: {paper}"])
    console.lines([f"  {note}" for note in one.notes])
    lines = result.scores[result.scores["set"] == one.set].sort_values("average_precision", ascending=False)
    headings = ["detector", "AP", "s.d.", "runs", "CPU s"]
    extra = {"inverted_precision": "ordinary rows' AP", "paper": "in the paper"}
    shown = [name for name in extra if lines[name].notna().any()]
    headings += [extra[name] for name in shown]
    rows = [
        (line.detector, _three(line.average_precision), _three(line.sd), line.n_runs, format_number(line.cpu_seconds),
         *(_three(getattr(line, name)) for name in shown))
        for line in _rows(lines)
    ]  # fmt: skip
    console.table(headings, rows)
    failed = result.failures[result.failures["set"] == one.set]
    console.lines([f"  no scores: {line.detector}: {line.reason}" for line in _rows(failed)])


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples(index=False))


def _three(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.3f}"


def _json(result: ContextualResult) -> str:
    parts = {
        name: [
            {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in record.items()}
            for record in getattr(result, name).astype(object).to_dict("records")
        ]
        for name in ("sets", "scores", "summary", "runs", "failures")
    }
    return json.dumps({**parts, "missing": dict(result.missing), "left_out": dict(result.left_out)}, indent=2) + "\n"


def _csv(table: pd.DataFrame) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for record in _rows(table):
        writer.writerow([spreadsheet_text(cell) if isinstance(cell, str) else cell for cell in record])
    return text.getvalue()

"""Quality of the contextual detectors: average precision beside peers, as Markdown for docs/benchmarks.md.

    python benchmarks/quality/contextual.py [--data FOLDER] [--names "conout_*" adult] [--seeds 5] [--rows N]
        [--out FILE.json]

Simulated publishers and anomalies planted into tables that scikit-learn carries; with --data the Parquet files of a
folder that have a column `label`, too, and anomalies planted into those of numbers and categories and into
conout_shuttle. Peers are what this Python can import of scikit-learn, PyOD and isotree. Every detector is fitted on a
whole table without its labels and scores the same rows.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import pandas as pd  # noqa: E402

from tocsin.cli.render_contextual import write_contextual  # noqa: E402
from tocsin.comparison import comparison_sets, made_sets  # noqa: E402
from tocsin.evaluate import ContextualResult, compare_detectors, contestants  # noqa: E402


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def heading(*cells: str) -> str:
    return f"{row(*cells)}\n|{'---|' * len(cells)}"


def print_sets(result: ContextualResult) -> None:
    print(heading("set", "rows", "numbers, categories", "anomalies", "in the paper: rows, columns, outliers"))
    for one in result.sets.itertuples():
        size = f"{one.paper_rows:,.0f}, {one.paper_columns:.0f}, {one.paper_anomalies:,.0f}" if one.title else ""
        share = f"{one.anomalies:,} ({one.anomalies / one.rows:.1%})"
        print(row(one.set, f"{one.rows:,}", f"{one.numbers}, {one.categories}", share, size))


def print_precisions(result: ContextualResult) -> None:
    """Detectors in the order of their mean ranks; the best of a set in bold."""
    detectors = list(result.summary["detector"])
    print(heading("set", *detectors, "paper: forest, ConOut"))
    for name in result.sets["set"]:
        lines = result.scores[result.scores["set"] == name].set_index("detector")
        best = lines["average_precision"].max()
        cells = []
        for detector in detectors:
            if detector not in lines.index:
                cells.append("–")
                continue
            value, sd = lines.loc[detector, ["average_precision", "sd"]]
            text = f"{value:.3f}" + ("" if pd.isna(sd) else f" ± {sd:.3f}")
            cells.append(f"**{text}**" if value == best else text)
        paper = [lines["paper"].get(peer) for peer in ("scikit-learn IsolationForest", "ConOut faithful")]
        printed = [f"{value:.3f}" for value in paper if value is not None and pd.notna(value)]
        print(row(name, *cells, ", ".join(printed)))


def print_summary(result: ContextualResult) -> None:
    print(heading("detector", "mean rank", "mean AP", "sets", "won, tied, lost against IsolationForest", "CPU s"))
    for line in result.summary.itertuples():
        against = f"{line.wins}, {line.ties}, {line.losses}"
        values = (f"{line.mean_rank:.2f}", f"{line.average_precision:.3f}", line.n_sets, against)
        print(row(line.detector, *values, f"{line.cpu_seconds:.1f}"))


def print_remarks(result: ContextualResult) -> None:
    remarks: dict[str, list[str]] = {}
    for one in result.sets.itertuples():
        for note in one.notes:
            remarks.setdefault(note, []).append(one.set)
    for line in result.failures.itertuples():
        remarks.setdefault(f"no scores of {line.detector}: {line.reason}", []).append(line.set)
    for note, sets in remarks.items():
        print(f"* {', '.join(sets)}: {note}")
    inverted = result.scores[result.scores["inverted_precision"].notna()]
    for name, lines in inverted.groupby("set"):
        values = ", ".join(f"{line.detector} {line.inverted_precision:.3f}" for line in lines.itertuples())
        print(f"* {name}, where ordinary rows count as positive: {values}")
    for name, reason in {**result.missing, **result.left_out}.items():
        print(f"* not run: {name}: {reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of Parquet files with a column `label`")
    parser.add_argument("--names", nargs="+", default=["*"], help="patterns of their names")
    parser.add_argument("--detector", nargs="+", default=[], help="only these detectors")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=50_000, help="of larger tables so many rows are drawn")
    parser.add_argument("--without-made", action="store_true", help="only the files")
    parser.add_argument("--out", type=Path, help="also write FILE.json")
    chosen = parser.parse_args()
    found, missing = contestants(chosen.detector)
    made = [] if chosen.without_made else made_sets(most_rows=chosen.rows)
    files, left_out = [], {}
    if chosen.data is not None:
        files, left_out = comparison_sets(
            folder=chosen.data, most_rows=chosen.rows, names=chosen.names, also=["conout_shuttle"]
        )

    def progress(_: str, done: int, total: int) -> None:
        print(f"\r{done:,} of {total:,} runs", end="", file=sys.stderr, flush=True)

    result = compare_detectors(
        [*made, *files], found, seeds=range(chosen.seeds), missing=missing, left_out=left_out, progress=progress
    )
    print(file=sys.stderr)
    if chosen.out is not None:
        write_contextual(result, chosen.out)
    for part in (print_sets, print_precisions, print_summary, print_remarks):
        part(result)
        print()


if __name__ == "__main__":
    main()

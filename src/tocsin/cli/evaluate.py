"""`tocsin evaluate`: what a detector is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["evaluations"]

evaluations = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure what a detector is worth.")


@evaluations.callback()
def evaluate() -> None:
    """Measure what a detector is worth."""


@evaluations.command("roi")
def evaluate_roi(
    table: Annotated[Path, typer.Argument(help="A Parquet or CSV file, one row a publisher.")],
    visitors: Annotated[str, typer.Option(help="Column: requests come in proportion to it.")],
    cost: Annotated[str, typer.Option(help="Column: what one request costs.")],
    revenue: Annotated[str, typer.Option(help="Column: what one request earns, unless the publisher is a fraud.")],
    label: Annotated[str | None, typer.Option(help="Column: fraud or not; without it no oracle.")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Another file with columns of the same rows; detectors do not see it.")
    ] = None,
    score: Annotated[
        list[str] | None, typer.Option(help="Column of ready scores (repeatable); without it detectors are fitted.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Column that detectors do not see (repeatable).")] = None,
    budget: Annotated[
        list[float] | None, typer.Option(help="In the unit of cost (repeatable); 500, 1000 … 2500 if not given.")
    ] = None,
    blocked_share: Annotated[
        float | None, typer.Option(help="Share of publishers not bid on; that of frauds, or 0.01, if not given.")
    ] = None,
    simulations: Annotated[int, typer.Option(help="How many times each budget is spent.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Other requests.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write gain against budget as FILE.svg.")] = None,
) -> None:
    """Let an advertiser spend budgets on publishers, avoiding those with high scores, and compare detectors.

    Example: tocsin evaluate roi publishers.parquet --truth truth.parquet --visitors visitors --cost price
    --revenue revenue --label label --plot roi.svg
    """
    from tocsin.cli.render import Console
    from tocsin.cli.render_roi import plot_roi, render_roi
    from tocsin.evaluate import BUDGETS, RoiColumns, read_columns, roi_of_table

    if plot is not None and plot.suffix != ".svg":
        raise typer.BadParameter(f"--plot {str(plot)!r} does not end in .svg")
    columns = RoiColumns(visitors, cost, revenue, label, scores=tuple(score or ()), set_aside=tuple(without or ()))
    console = Console()
    with console.progress() as progress:
        result = roi_of_table(
            read_columns(table),
            columns,
            truth=None if truth is None else read_columns(truth),
            budgets=budget or BUDGETS,
            n_simulations=simulations,
            blocked_share=blocked_share,
            random_state=seed,
            progress=progress,
        )
    render_roi(console, result)
    if plot is not None:
        plot.write_text(plot_roi(result), encoding="utf-8")
        console.lines([f"written: {plot}"])


@evaluations.command("contextual")
def evaluate_contextual(
    table: Annotated[list[Path] | None, typer.Argument(help="Parquet or CSV files with a column of labels.")] = None,
    data: Annotated[Path | None, typer.Option(help="A folder: every Parquet file in it that has labels.")] = None,
    label: Annotated[str, typer.Option(help="Column: anomalous or not; detectors do not see it.")] = "label",
    planted: Annotated[
        bool | None, typer.Option(help="Also plant anomalies in tables of numbers and categories; as is with --data.")
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="Only this detector (repeatable); all that are installed if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each detector that depends on chance.")] = 5,
    rows: Annotated[int, typer.Option(min=2, help="Of larger tables so many rows are drawn.")] = 50_000,
    out: Annotated[Path | None, typer.Option(help="Also write FILE.json (all) or FILE.csv (precisions).")] = None,
) -> None:
    """Compare ConOut with other detectors on tables of known anomalies; without tables, on simulated ones.

    Example: tocsin evaluate contextual publishers.parquet --label confirmed_fraud
    """
    from tocsin.cli.render import Console
    from tocsin.cli.render_contextual import render_contextual, write_contextual
    from tocsin.comparison import comparison_sets
    from tocsin.evaluate import compare_detectors, contestants

    if out is not None and out.suffix not in (".json", ".csv"):
        raise typer.BadParameter(f"--out {str(out)!r} does not end in .json or .csv")
    found, missing = contestants(detector or ())
    sets, left_out = comparison_sets(table or (), data, label=label, most_rows=rows, planted=planted)
    console = Console()
    with console.progress() as progress:
        result = compare_detectors(
            sets, found, seeds=range(seeds), missing=missing, left_out=left_out, progress=progress
        )
    render_contextual(console, result)
    if out is not None:
        write_contextual(result, out)
        console.lines([f"written: {out}"])

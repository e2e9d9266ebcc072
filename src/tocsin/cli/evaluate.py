"""`tocsin evaluate`: what a detector is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.evaluate_relevancy import evaluate_relevancy
from tocsin.cli.evaluate_series import evaluate_series

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
    from tocsin.cli.console import Console
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


evaluations.command("relevancy")(evaluate_relevancy)
evaluations.command("series")(evaluate_series)


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
    from tocsin.cli.console import Console
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


@evaluations.command("collections")
def evaluate_collections(
    volumes: Annotated[
        Path | None, typer.Option(help="Parquet or CSV with real daily volumes: shop_id, date, count.")
    ] = None,
    shop: Annotated[str | None, typer.Option(help="Whose volumes; 1629 is the paper's.")] = None,
    hours: Annotated[
        list[Path] | None, typer.Option(help="Also a real table of hourly counts: date, hour, count (repeatable).")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Only this table of the paper: II to VI, or none (repeatable).")
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="Only this detector in the comparison, or none (repeatable).")
    ] = None,
    sellers: Annotated[int, typer.Option(min=1, help="Simulated sellers, for the paper's tables.")] = 4,
    copies: Annotated[int, typer.Option(min=1, help="Copies of the shop a kind of attack, for the comparison.")] = 4,
    quick: Annotated[bool, typer.Option("--quick", help="One seller, one copy, fewer alphas.")] = False,
    seed: Annotated[int, typer.Option(help="Other records.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write everything as FILE.json.")] = None,
) -> None:
    """Run the click-farming paper's tables beside its figures, then our modes and drift tests on the same farmed days.

    Example: tocsin evaluate collections --volumes daily.parquet --shop 1629
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render_collections import render_collections, render_paper, write_frames
    from tocsin.evaluate import (
        ALPHAS,
        PAPER_TABLES,
        REMARKS,
        collection_contestants,
        compare_collections,
        paper_tables,
        read_columns,
    )
    from tocsin.farming import hours_trials, paper_sellers, shop_trials, volumes_of_shop

    if out is not None and out.suffix != ".json":
        raise typer.BadParameter(f"--out {str(out)!r} does not end in .json")
    given = None if volumes is None else read_columns(volumes, "A table of daily volumes")
    days, daily = volumes_of_shop(given, shop, seed)
    name = f"shop {shop}" if given is not None else "simulated shop"
    found = [] if detector == ["none"] else collection_contestants(detector or ())
    trials = shop_trials(days, daily, name=name, copies=1 if quick else copies, seed=seed) if found else []
    for path in hours or () if found else ():
        hourly = read_columns(path, "A table of hourly counts")
        trials += hours_trials(hourly, name=path.stem, repeats=1 if quick else copies, seed=seed)
    console = Console()
    frames: dict[str, Any] = {}
    with console.progress() as progress:
        if table != ["none"]:
            made, periods = paper_sellers(days, daily, n_sellers=1 if quick else sellers, seed=seed)
            alphas = ALPHAS[::4] if quick else ALPHAS
            paper = paper_tables(
                made, periods, tables=table or PAPER_TABLES, alphas=alphas, calibrated=bool(found), progress=progress
            )
            render_paper(console, paper, REMARKS)
            frames |= {part: getattr(paper, part) for part in ("rows", "thresholds", "roc", "differences", "not_run")}
        if found:
            result = compare_collections(trials, found, progress=progress)
            render_collections(console, result)
            frames |= {part: getattr(result, part) for part in ("rates", "seconds", "failures")}
    if out is not None:
        write_frames(frames, out)
        console.lines([f"written: {out}"])


@evaluations.command("power")
def evaluate_power(
    data: Annotated[
        Path | None, typer.Argument(help="A Parquet or CSV file, one row a record; simulated sellers if not given.")
    ] = None,
    entity: Annotated[str | None, typer.Option(help="Column: whose record it is.")] = None,
    time: Annotated[str | None, typer.Option(help="Column: when it was.")] = None,
    timezone: Annotated[str, typer.Option(help="Days begin at midnight there.")] = "UTC",
    kind: Annotated[
        list[str] | None, typer.Option(help="centralised, equalised or independent (repeatable); all if not given.")
    ] = None,
    nu: Annotated[
        list[float] | None, typer.Option(help="Fakes over honest records, rising (repeatable); 0.1 … 2 if not given.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Share of days that are farmed, after the first 30.")] = 0.1,
    entities: Annotated[int, typer.Option(min=1, help="Of each volume at most so many.")] = 40,
    detector: Annotated[str, typer.Option(help="A name of `tocsin evaluate collections`.")] = "calibrated",
    seed: Annotated[int, typer.Option(help="Other fakes.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write share found against magnitude as FILE-KIND.svg.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write everything as FILE.json.")] = None,
) -> None:
    """How small an attack on my sellers would be seen? Farm copies of your own records and count what is found.

    Example: tocsin evaluate power orders.parquet --entity seller --time ts --plot power.svg
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render_collections import plot_power, render_power, write_frames
    from tocsin.evaluate import MAGNITUDES, collection_contestants, measure_power, read_columns
    from tocsin.farming import own_draw, simulated_draw
    from tocsin.simulate import KINDS

    for path, suffix in ((out, ".json"), (plot, ".svg")):
        if path is not None and path.suffix != suffix:
            raise typer.BadParameter(f"{str(path)!r} does not end in {suffix}")
    if data is None:
        draw, bands = simulated_draw(n_a_band=entities, alpha=alpha, seed=seed)
    elif entity is None or time is None:
        raise typer.BadParameter("own records need --entity and --time")
    else:
        records = read_columns(data, "A table of records")
        settings: dict[str, Any] = {"timezone": timezone, "n_a_band": entities, "alpha": alpha, "seed": seed}
        draw, bands = own_draw(records, entity=entity, time=time, **settings)
    (contestant,) = collection_contestants([detector])
    console = Console()
    with console.progress() as progress:
        result = measure_power(
            draw, bands, contestant, kinds=kind or KINDS, magnitudes=nu or MAGNITUDES, progress=progress
        )
    render_power(console, result)
    for one in kind or KINDS if plot is not None else ():
        drawn = plot.with_name(f"{plot.stem}-{one}.svg") if plot is not None else Path()
        drawn.write_text(plot_power(result, one), encoding="utf-8")
        console.lines([f"written: {drawn}"])
    if out is not None:
        write_frames({"curves": result.curves, "smallest": result.smallest}, out)
        console.lines([f"written: {out}"])

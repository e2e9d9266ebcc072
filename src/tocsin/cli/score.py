"""`tocsin score`: one command from a table to its odd rows."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["score"]


def score(
    data: Annotated[
        str,
        typer.Argument(help="A Parquet or CSV file, a folder or glob of them, or a database URL."),
    ],
    out: Annotated[Path | None, typer.Option(help="Write the table with scores and reasons, .parquet or .csv.")] = None,
    detector: Annotated[str, typer.Option(help="con_out, isolation_forest or rocod.")] = "con_out",
    context: Annotated[
        list[str] | None, typer.Option(help="COLUMN,COLUMN that make rows comparable (repeatable); found if not given.")
    ] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", help="The column that names the rows; no detector sees it.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Column that the detector does not see (repeatable).")
    ] = None,
    top: Annotated[int, typer.Option(help="How many of the oddest rows to explain.")] = 20,
    seed: Annotated[int, typer.Option(help="Random state of the sample and the detector.")] = 0,
    save: Annotated[Path | None, typer.Option(help="Write what was learned.")] = None,
    model: Annotated[Path | None, typer.Option(help="Score by what --save has written; nothing is learned.")] = None,
    table: Annotated[str | None, typer.Option(help="With a database URL: the table.")] = None,
) -> None:
    """Score the rows of DATA, and say why the oddest are odd, among which others.

    Example: tocsin score publishers.parquet --out scored.parquet
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_score
    from tocsin.score import score_table

    contexts = [[name.strip() for name in names] for names in csv.reader(context or ())]
    console = Console()
    with console.progress() as progress:
        result = score_table(
            data, table=table, out=out, detector=detector, contexts=contexts, identifier=identifier,
            without=without or (), top=top, seed=seed, model=model, save=save, progress=progress,
        )  # fmt: skip
    render_score(console, result)

"""`tocsin simulate`: write data with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["simulations"]

simulations = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write data with known truth.")


@simulations.command("funnel")
def simulate_funnel(
    folder: Annotated[Path, typer.Argument(help="Where to write events.parquet and troubles.json.")],
    weeks: Annotated[int, typer.Option(help="How long.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed, another market.")] = 0,
) -> None:
    """Write an ad platform's hourly funnel with planted troubles and their truth.

    Example: tocsin simulate funnel data/ --weeks 6
    """
    from tocsin.cli.render import Console
    from tocsin.simulate import simulate_funnel as simulate
    from tocsin.simulate import write_funnel

    Console().lines([f"written: {path}" for path in write_funnel(folder, simulate(weeks=weeks, random_state=seed))])


@simulations.command("publishers")
def simulate_publishers(
    folder: Annotated[
        Path, typer.Argument(help="Where to write publishers.parquet, truth.parquet and publishers.json.")
    ],
    rows: Annotated[int, typer.Option(help="How many publishers; about one in a hundred is a fraud.")] = 18_959,
    seed: Annotated[int, typer.Option(help="Another seed, other publishers.")] = 0,
) -> None:
    """Write publishers, some of whom defraud advertisers in one of four ways, and apart from them the truth.

    Example: tocsin simulate publishers data/
    """
    from tocsin.cli.render import Console
    from tocsin.simulate import simulate_publishers as simulate
    from tocsin.simulate import write_publishers

    table, truth = simulate(rows, random_state=seed)
    Console().lines([f"written: {path}" for path in write_publishers(folder, table, truth)])

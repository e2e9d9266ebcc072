"""`tocsin simulate`: write data with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    from tocsin.cli.console import Console
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
    from tocsin.cli.console import Console
    from tocsin.simulate import simulate_publishers as simulate
    from tocsin.simulate import write_publishers

    table, truth = simulate(rows, random_state=seed)
    Console().lines([f"written: {path}" for path in write_publishers(folder, table, truth)])


@simulations.command("sellers")
def simulate_sellers(
    folder: Annotated[Path, typer.Argument(help="Where to write records.parquet, truth.parquet and sellers.json.")],
    sellers: Annotated[int, typer.Option(min=1, help="How many, unless --volumes says.")] = 100,
    days: Annotated[int, typer.Option(min=1, help="How long, unless --volumes says.")] = 90,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="centralised, equalised or independent (repeatable: in turn); all if not given."),
    ] = None,
    nu: Annotated[float, typer.Option(help="Fakes over honest records on a farmed day.")] = 1.0,
    alpha: Annotated[float, typer.Option(help="Share of days that are farmed, after the first 30.")] = 0.1,
    volumes: Annotated[
        Path | None, typer.Option(help="Parquet or CSV with real daily volumes: shop_id, date, count.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other sellers.")] = 0,
) -> None:
    """Write the records of sellers, some of whose days are click-farmed, and apart from them the truth.

    Example: tocsin simulate sellers data/ --sellers 100 --days 90
    """
    from tocsin.cli.console import Console
    from tocsin.evaluate import read_columns
    from tocsin.simulate import KINDS, Farm, read_volumes, write_sellers
    from tocsin.simulate import simulate_sellers as simulate

    settings: dict[str, Any] = {"n_sellers": sellers, "n_days": days}
    if volumes is not None:
        names, periods, daily = read_volumes(read_columns(volumes, "A table of daily volumes"))
        settings = {"volumes": daily, "names": names, "start": periods[0].to_pydatetime()}
    farms = [Farm(one, nu) for one in kind or KINDS]
    simulated = simulate(**settings, farms=farms, alpha=alpha, random_state=seed)
    Console().lines([f"written: {path}" for path in write_sellers(folder, simulated, random_state=seed)])


@simulations.command("farm")
def simulate_farm(
    data: Annotated[Path, typer.Argument(help="A Parquet or CSV file, one row a record.")],
    entity: Annotated[str, typer.Option(help="Column: whose record it is.")],
    time: Annotated[str, typer.Option(help="Column: when it was.")],
    out: Annotated[Path, typer.Option(help="A folder for records, truth and farm.json.")],
    kind: Annotated[str, typer.Option(help="centralised, equalised or independent.")] = "centralised",
    nu: Annotated[float, typer.Option(help="Fakes over honest records on a farmed day.")] = 1.0,
    alpha: Annotated[float, typer.Option(help="Share of an entity's days that are farmed.")] = 0.1,
    since: Annotated[str | None, typer.Option(help="Earlier days stay honest (ISO date).")] = None,
    timezone: Annotated[str, typer.Option(help="Days begin at midnight there.")] = "UTC",
    burst: Annotated[
        tuple[float, float], typer.Option(help="Centralised: least and largest width (s.d.) of a burst, in minutes.")
    ] = (30.0, 240.0),
    seed: Annotated[int, typer.Option(help="Another seed, other days.")] = 0,
) -> None:
    """Add click farming to your own records, to see how small an attack would be seen.

    Example: tocsin simulate farm orders.parquet --entity seller --time ts --kind centralised --nu 1 --alpha 0.1
    --out farmed/
    """
    from tocsin.cli.console import Console
    from tocsin.evaluate import read_columns
    from tocsin.formatting import format_count
    from tocsin.simulate import Farm, UniformWidth, farm_records, write_farmed

    farm = Farm(kind, nu, UniformWidth(60 * burst[0], 60 * burst[1]))
    farmed = farm_records(
        read_columns(data, "A table of records"),
        farm,
        entity=entity,
        time=time,
        alpha=alpha,
        since=since,
        timezone=timezone,
        random_state=seed,
    )
    truth, console = farmed.truth, Console()
    fakes = format_count(int(truth["fakes"].sum()), "fake")
    days = format_count(len(truth), "day")
    console.lines([f"{fakes} on {int(truth['farmed'].sum()):,} of {days} of {truth[entity].nunique():,} entities"])
    if farmed.n_unusable:
        console.lines([f"left as they are: {format_count(farmed.n_unusable, 'record')} without {entity} or {time}"])
    console.lines([f"written: {path}" for path in write_farmed(out, farmed, farm, suffix=data.suffix)])


@simulations.command("spikes")
def simulate_spiked_series(
    folder: Annotated[Path, typer.Argument(help="Where to write.")],
    series: Annotated[int, typer.Option(min=1, help="How many series.")] = 10,
    points: Annotated[int, typer.Option(min=1, help="Points of a series.")] = 200_000,
    size: Annotated[float, typer.Option(help="Of a spike, in standard deviations.")] = 3.79,
    share: Annotated[float, typer.Option(help="Of the points that are spikes, half up, half down.")] = 0.003,
    seed: Annotated[int, typer.Option(help="Other series.")] = 0,
) -> None:
    """Write series with spikes up and down of which only those down matter.

    Example: tocsin simulate spikes data/ --series 5, then tocsin evaluate series data/spikes.parquet
    """
    from tocsin.cli.console import Console
    from tocsin.simulate import write_spikes

    written = write_spikes(folder, n_series=series, n_points=points, size=size, share=share, random_state=seed)
    Console().lines([f"written: {path}" for path in written])

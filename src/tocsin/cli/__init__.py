"""The command line: parse, call, render; no logic. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.answers import feedback, types
from tocsin.cli.evaluate import evaluations
from tocsin.cli.score import score
from tocsin.cli.serve import serve
from tocsin.cli.simulate import simulations
from tocsin.errors import TocsinError

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Watches business metrics and the parties behind them, and rings only for what its users care about.",
)

app.add_typer(simulations, name="simulate")
app.add_typer(evaluations, name="evaluate")
app.command()(score)
app.command()(feedback)
app.command()(types)
app.command()(serve)

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Monitors = Annotated[list[str] | None, typer.Option("--monitor", "-m", help="Only this monitor (repeatable).")]
At = Annotated[str | None, typer.Option("--at", help="Take this ISO time for the present (UTC unless it has a zone).")]
DEFAULT = Path("tocsin.toml")


def main() -> None:
    """The entry point: errors of ours are a sentence on stderr and status 2, never a traceback."""
    try:
        app()
    except TocsinError as error:
        from tocsin.cli.console import complain

        complain(error)
        sys.exit(2)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an ISO time like 2026-03-29T14:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Another seed, another data set.")] = 0,
) -> None:
    """Simulate an ad platform with planted troubles and find them; no server, no network.

    Example: tocsin demo, then open demo/report.html
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_demo
    from tocsin.demo import run_demo

    console = Console()
    with console.progress() as progress:
        result = run_demo(folder, seed=seed, progress=progress)
    render_demo(console, result)


@app.command()
def init(
    data: Annotated[str, typer.Argument(help="A Parquet or CSV file, a folder or glob of them, or a database URL.")],
    table: Annotated[str | None, typer.Option(help="With a database URL: the table.")] = None,
    config: Config = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing configuration.")] = False,
    backtest: Annotated[bool, typer.Option(help="Say how many alerts a week to expect.")] = True,
    a_week: Annotated[float, typer.Option("--a-week", help="At most so many incidents a week and monitor.")] = 20.0,
) -> None:
    """Look at DATA, guess time, measures, ratios and dimensions, and write a commented configuration.

    Example: tocsin init events/
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_init
    from tocsin.initialise import initialise

    console = Console()
    with console.progress() as progress:
        result = initialise(
            data,
            table=table,
            config=config,
            force=force,
            backtest=backtest,
            incidents_a_week=a_week,
            progress=progress,
        )
    render_init(console, result)


@app.command()
def check(config: Config = DEFAULT) -> None:
    """Validate the configuration, the connections, a dry query of each monitor, and the outbox.

    Example: tocsin check; the exit status is 1 when anything needs attention.
    """
    from tocsin.check import check as check_all
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_check

    if not render_check(Console(), check_all(config)):
        raise typer.Exit(1)


@app.command()
def run(
    config: Config = DEFAULT,
    monitor: Monitors = None,
    at: At = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Evaluate, but write and send nothing.")] = False,
) -> None:
    """Evaluate every window that is due, once; safe to repeat, to kill, and to start twice.

    Example: tocsin run --at 2026-03-29T14:05
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_run
    from tocsin.pipeline import run as run_pipeline

    console = Console()
    with console.progress() as progress:
        report = run_pipeline(config, now=_moment(at), monitors=monitor or (), dry_run=dry_run, progress=progress)
    render_run(console, report, dry_run=dry_run)


@app.command()
def backfill(
    since: Annotated[str, typer.Option(help="First instant (ISO, UTC unless it has a zone).")],
    until: Annotated[str, typer.Option(help="End, exclusive.")],
    config: Config = DEFAULT,
    monitor: Monitors = None,
    at: At = None,
    alerts: Annotated[bool, typer.Option("--alerts", help="Also send the alerts of what is found.")] = False,
) -> None:
    """Evaluate past windows, oldest first.

    Example: tocsin backfill --since 2026-03-01 --until 2026-03-08
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_run
    from tocsin.pipeline import backfill as backfill_pipeline

    start, end = _moment(since), _moment(until)
    if start is None or end is None:
        raise typer.BadParameter("since and until are needed")
    console = Console()
    with console.progress() as progress:
        report = backfill_pipeline(
            config, start, end, now=_moment(at), monitors=monitor or (), alerts=alerts, progress=progress
        )
    render_run(console, report)


@app.command()
def watch(
    config: Config = DEFAULT,
    every: Annotated[str, typer.Option(help="How often, like 5min.")] = "5min",
    monitor: Monitors = None,
) -> None:
    """Run every few minutes until stopped; one instance at a time.

    Example: tocsin watch --every 5min
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_run
    from tocsin.watch import watch as watch_forever
    from tocsin.windows import parse_duration

    console = Console()
    watch_forever(
        config, parse_duration(every), monitors=monitor or (), on_report=lambda report: render_run(console, report)
    )


@app.command()
def why(
    identity: Annotated[str, typer.Argument(metavar="ID", help="An anomaly's or incident's id, or its beginning.")],
    config: Config = DEFAULT,
) -> None:
    """Print the arithmetic behind an anomaly, or what an incident is made of.

    Example: tocsin why 3fa9
    """
    from tocsin.cli.console import Console
    from tocsin.why import why as explain

    Console().lines(explain(_store(config), identity))


@app.command()
def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")] = Path("report.html"),
    config: Config = DEFAULT,
) -> None:
    """Write the report of everything that is stored as one self-contained HTML file.

    Example: tocsin report -o report.html
    """
    from tocsin.cli.console import Console
    from tocsin.config import load_settings, utc_now
    from tocsin.overview import write_report

    settings = load_settings(config)
    write_report(output, settings, _store(config), utc_now())
    Console().lines([f"written: {output}"])


@app.command()
def deliver(
    requeue: Annotated[bool, typer.Option("--requeue", help="Try the dead letters again, too.")] = False,
    config: Config = DEFAULT,
) -> None:
    """Send what waits in the outbox now.

    Example: tocsin deliver --requeue
    """
    from tocsin.alerts import deliver as deliver_outbox
    from tocsin.cli.console import Console
    from tocsin.cli.render import render_delivery
    from tocsin.config import load_settings, utc_now

    settings, store = load_settings(config), _store(config)
    if requeue:
        for letter in store.dead_letters():
            store.requeue(letter.id, now=utc_now())
    render_delivery(Console(), deliver_outbox(store, settings.alerts, utc_now(), settings.base))


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="FOLDER|blocklist", help="A folder for all tables, or `blocklist`.")],
    monitor: Annotated[str | None, typer.Option("--monitor", "-m", help="With blocklist: of which monitor.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With blocklist: FILE.csv or FILE.json.")] = None,
    config: Config = DEFAULT,
) -> None:
    """Write every table of the store as Parquet, or the entities that a monitor has flagged with the reasons.

    Example: tocsin export backup/, or tocsin export blocklist --monitor publishers --out blocked.csv
    """
    from tocsin.cli.console import Console

    if what != "blocklist":
        if monitor is not None or out is not None:
            raise typer.BadParameter("--monitor and --out belong to `tocsin export blocklist`")
        Console().lines([f"written: {path}" for path in _store(config).export(Path(what))])
        return
    from tocsin.blocklist import blocklist, render_blocklist, write_blocklist
    from tocsin.config import load_settings

    if monitor is None:
        raise typer.BadParameter("a blocklist is of one monitor: --monitor NAME")
    entities = blocklist(load_settings(config), _store(config), monitor)
    if out is None:
        Console().lines(render_blocklist(entities, "csv").splitlines())
    else:
        write_blocklist(entities, out)
        Console().lines([f"written: {out}, {len(entities)} of {monitor}"])


def _store(config: Path) -> Any:
    from tocsin.config import load_settings
    from tocsin.store import Store

    settings = load_settings(config)
    return Store.open(settings.store.url, base=settings.base)

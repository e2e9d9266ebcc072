"""`tocsin init`: look at a table, guess what it holds, write a commented tocsin.toml, say how often it would ring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from tocsin.config import Settings, parse_settings
from tocsin.errors import ConfigError, NotEnoughData
from tocsin.formatting import format_moment, format_number
from tocsin.guess import EntityGuess, Guess, guess_entities, guess_settings
from tocsin.pipeline import MonitorReport, Progress, backfill
from tocsin.sources import open_source, open_table
from tocsin.windows import format_duration

__all__ = ["Backtest", "InitResult", "initialise"]

N_BACKTEST = 168
"""At most this many of the newest windows are judged in the backtest."""
MAX_SHARE = 0.01
"""Share of the entities that is flagged."""
HEAD = """\
# Written by `tocsin init`; every guess can be edited, and `tocsin check` validates the result.

[store]
# Runs, anomalies, incidents, answers and the outbox. postgresql://… for several machines.
url = "sqlite:///tocsin.db"
"""
ALERTS = """\
# Where incidents are sent. A secret comes from the environment: ${NAME}.
[alerts.channel.files]
path = "alerts"

# [alerts.channel.hook]
# url = "${TOCSIN_WEBHOOK}"       # json://…, slack://…, gchat://…, workflows://…, mailto://…, pagerduty://…
# min_severity = "medium"
"""
RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""False-discovery rates to choose from: the highest whose incidents stay within the wish."""


COLLECTIONS = """
[[monitor]]
name = {name}
kind = "collections"
source = "data"
# Whose records of a day are distributed as if somebody had made them up, like farmed clicks or bought orders.
entity = {entity}
window = "1d"
# Of honest days at most this share is flagged.
target_fpr = 0.01
# Columns whose values say whom an entity is like.
# peers = ["country"]
"""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How often one monitor would have rung, and the thresholds that were chosen for it.

    q            : the highest false-discovery rate whose incidents stay within the wish
    min_absolute : where even the lowest rate rings more often, the least deviation that keeps to the wish
    """

    monitor: str
    n_windows: int
    q: float
    min_absolute: float
    incidents_a_week: float


@dataclass(frozen=True, slots=True)
class InitResult:
    config: Path
    guesses: tuple[str, ...]
    backtest: tuple[Backtest, ...]
    next_step: str


def initialise(
    data: str,
    *,
    table: str | None = None,
    config: Path = Path("tocsin.toml"),
    force: bool = False,
    backtest: bool = True,
    incidents_a_week: float = 20.0,
    progress: Progress | None = None,
) -> InitResult:
    """Guess and write a configuration for a file, folder, glob or database table.

    Parameters
    ----------
    data : str
        A path or glob, or a connection URL (then `table` is needed). A URL with a password is written as ``${…}``.
    incidents_a_week : float
        How many incidents a week a monitor may open: the backtest chooses its false-discovery rate so.

    Raises
    ------
    ConfigError
        The configuration exists and `force` is not set.
    SourceError, NotEnoughData
        The table cannot be read, or has no time or nothing to measure.
    """
    if config.exists() and not force:
        raise ConfigError(
            "The configuration exists", got=str(config), hint="--force overwrites it, --config names another"
        )
    base = config.resolve().parent
    with open_table(data, table, Path.cwd()) as source:
        description = source.describe()
    entities = guess_entities(description)
    if entities is not None:
        return _initialise_entities(entities, data, table, config, base)
    guess = guess_settings(description)
    text = render_settings(guess, data, table, base)
    settings = parse_settings(text, base=base, name=str(config))
    name = next(iter(settings.source))
    with open_source(name, settings.source[name], base) as source:
        extent = source.extent()
    if extent is None:
        raise NotEnoughData(f"No row of {data} has a usable time in column {guess.time!r}")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text, encoding="utf-8")
    found = _backtest(settings, extent, incidents_a_week, progress) if backtest else ()
    if found:
        text = render_settings(guess, data, table, base, {item.monitor: item for item in found})
        config.write_text(text, encoding="utf-8")
    n_rows = f"{format_number(guess.n_rows)} rows from {format_moment(extent[0])} to {format_moment(extent[1])}"
    since = max(extent[0], extent[1] - timedelta(days=2))
    option = "" if config == Path("tocsin.toml") else f" --config {config}"
    next_step = f"tocsin backfill --since {since:%Y-%m-%dT%H:%M} --until {_end(extent):%Y-%m-%dT%H:%M}{option}"
    return InitResult(config, (n_rows, *guess.sentences), found, next_step)


def _initialise_entities(guess: EntityGuess, data: str, table: str | None, config: Path, base: Path) -> InitResult:
    """There is no past to backtest on: `max_share` says how many are flagged."""
    text = render_entity_settings(guess, data, table, base)
    parse_settings(text, base=base, name=str(config))
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text, encoding="utf-8")
    most = max(1, int(MAX_SHARE * guess.n_rows))
    flagged = f"the oddest {most:,} of {guess.n_rows:,} are flagged (max_share)"
    option = "" if config == Path("tocsin.toml") else f" --config {config}"
    n_rows = f"{format_number(guess.n_rows)} rows, judged as they are, whenever they have changed"
    return InitResult(config, (n_rows, *guess.sentences, flagged), (), f"tocsin run{option}")


def _end(extent: tuple[datetime, datetime]) -> datetime:
    """A whole minute after the last row."""
    return extent[1].replace(second=0, microsecond=0) + timedelta(minutes=1)


def _backtest(
    settings: Settings, extent: tuple[datetime, datetime], wish: float, progress: Progress | None
) -> tuple[Backtest, ...]:
    """Judge the newest windows in a store that is thrown away."""
    with TemporaryDirectory() as folder:
        url = SecretStr(f"sqlite:///{Path(folder) / 'backtest.db'}")
        store = settings.store.model_copy(update={"url": url})
        return _judged(settings.model_copy(update={"store": store}), extent, wish, progress)


def _judged(
    scratch: Settings, extent: tuple[datetime, datetime], wish: float, progress: Progress | None
) -> tuple[Backtest, ...]:
    found = []
    for monitor in (monitor for monitor in scratch.monitor if monitor.kind == "slices"):
        end = monitor.grid.window(monitor.grid.index_of(extent[1])).end
        whole = (end - extent[0]) // monitor.window
        n_windows = max(1, min(N_BACKTEST, whole // 3))
        outcome = backfill(
            scratch, end - n_windows * monitor.window, end, now=max(end, datetime.now(UTC)),
            monitors=(monitor.name,), progress=progress,
        ).monitors[0]  # fmt: skip
        n_windows = max(1, len(outcome.runs))
        weeks = n_windows * monitor.window / timedelta(days=7)
        found.append(_thresholds(monitor.name, outcome, n_windows, weeks, wish))
    return tuple(found)


def _thresholds(name: str, outcome: MonitorReport, n_windows: int, weeks: float, wish: float) -> Backtest:
    """First the false-discovery rate, then the least deviation, until an incident a window is rare enough."""
    evidence = {item.id: (item.q_value, abs(item.amount - item.expected_amount)) for item in outcome.anomalies}
    incidents = {incident.id: incident for incident, _ in outcome.changes if incident.kind == "slices"}
    parts = [[evidence[key] for key in item.anomaly_ids if key in evidence] for item in incidents.values()]
    parts = [part for part in parts if part]
    q = next((q for q in RATES if sum(min(part)[0] <= q for part in parts) <= wish * weeks), RATES[-1])
    largest = sorted((max(size for _, size in part) for part in parts if min(part)[0] <= q), reverse=True)
    n_wished = max(1, int(wish * weeks))
    least = float(f"{largest[n_wished]:.2g}") if len(largest) > n_wished else 0.0
    n_left = sum(size >= least for size in largest)
    return Backtest(name, n_windows, q, least, n_left / weeks)


def render_settings(
    guess: Guess, data: str, table: str | None, base: Path, chosen: Mapping[str, Backtest] | None = None
) -> str:
    """The commented text of tocsin.toml."""
    measures = "\n".join(f"{_key(name)} = {_text(expression)}" for name, expression in guess.measures.items())
    monitors = "\n".join(_monitor(name, kpi, guess, (chosen or {}).get(name)) for name, kpi in guess.kpis.items())
    if guess.collector is not None:
        monitors += COLLECTIONS.format(name=_text("times_of_day"), entity=_text(guess.collector))
    return f"""\
{HEAD}
[source.data]
{_place(data, table, base)}
time = {_text(guess.time)}
# The zone of time stamps that carry none.
time_zone = "UTC"

[source.data.measures]
# count, count(column), sum(column), mean(column), distinct(column); each with: where column = 'value'
{measures}

{monitors}
{ALERTS}"""


def render_entity_settings(guess: EntityGuess, data: str, table: str | None, base: Path) -> str:
    """The commented text of tocsin.toml for a table with one row an entity."""
    columns = "\n".join(f"    {_text(name)}," for name in guess.columns)
    return f"""\
{HEAD}
# One row an entity; the table is judged as it is. With `time = "column"` it is a snapshot a window.
[source.data]
{_place(data, table, base)}

[[monitor]]
name = "entities"
kind = "contextual"
source = "data"
# The column that names the entities; each is compared with those in the same context.
entity = {_text(guess.entity)}
# What they are judged by; leave out what is known to mean nothing, and labels.
columns = [
{columns}
]
# Columns whose values make entities comparable; without them contexts are found.
# contexts = [["country", "category"]]
window = "1d"
# At most this share of the entities is flagged …
max_share = {MAX_SHARE}
# … and only those with at least this anomaly score (0.999: odder than 999 of 1,000).
min_score = 0.0

{ALERTS}"""


def _place(data: str, table: str | None, base: Path) -> str:
    if table is None:
        return f"path = {_text(_relative(data, base))}"
    return f"url = {_text(_without_password(data))}\ntable = {_text(table)}"


def _monitor(name: str, kpi: str, guess: Guess, chosen: Backtest | None) -> str:
    dimensions = ", ".join(_text(dimension) for dimension in guess.dimensions)
    return f"""\
[[monitor]]
name = {_text(name)}
source = "data"
# A measure, or the ratio of the sums of two.
kpi = {_text(kpi)}
dimensions = [{dimensions}]
# Slices fix at most this many dimensions at once.
depth = {guess.depth}
window = {_text(format_duration(guess.window))}
# How far back the reference reaches, and how long after its end a window is due.
history = {_text(format_duration(guess.history))}
delay = "0min"
# The false-discovery rate (less = fewer alarms), and the least deviation that counts: relative (0.1 = 10 %) and in
# units of the KPI's numerator.
q = {chosen.q if chosen else RATES[0]}
min_relative = 0.1
min_absolute = {chosen.min_absolute if chosen else 0.0}
"""


def _relative(data: str, base: Path) -> str:
    """The path from the configuration's folder where it lies below it, else absolute."""
    path = Path.cwd() / data
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return path.as_posix()


def _without_password(url: str) -> str:
    """A URL with a password becomes an environment variable: secrets are never written."""
    scheme, separator, rest = url.partition("://")
    credentials, at, _ = rest.rpartition("@")
    return "${TOCSIN_SOURCE_URL}" if separator and at and ":" in credentials else f"{scheme}{separator}{rest}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _text(name)

"""What a table probably means: of facts or events its time, measures, rates and dimensions, of entities who they are.

Only names, kinds and counts of the columns are used. A guess is a beginning, written into a file that people edit.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tocsin.errors import NotEnoughData
from tocsin.sources import ColumnDescription, TableDescription

__all__ = ["EntityGuess", "Guess", "guess_entities", "guess_settings"]

TIME_NAMES = re.compile(r"(^|_)(time|timestamp|ts|date|datetime|day|hour|at)($|_)|(time|date)$", re.IGNORECASE)
EVENT_NAMES = re.compile(r"(event|event_?(type|name)|action|activity|kind|type)", re.IGNORECASE)
IDENTITY_NAMES = re.compile(r"(^|_)(id|uid|uuid|guid|hash|ip|user|session|token)s?$|(Id|ID|No)$", re.IGNORECASE)
FLAG_NAMES = re.compile(r"(is|has|did)_.*|label|.*(converted|attributed|installed|clicked|purchased)", re.IGNORECASE)
QUANTITIES = ("value", "count", "n", "total", "cnt", "quantity", "events", "rows")
FUNNEL = (
    ("request", "requests"),
    ("view", "views", "impression", "impressions", "pageview", "pageviews", "display", "displays"),
    ("click", "clicks", "tap", "taps", "visit", "visits", "session", "sessions"),
    ("install", "installs", "download", "downloads", "lead", "leads", "signup", "signups", "cart", "carts"),
    ("conversion", "conversions", "order", "orders", "purchase", "purchases", "sale", "sales", "payment", "payments"),
)
"""The usual order of a funnel: a step over the one before it is a rate."""
MONEY = ("revenue", "spend", "spent", "cost", "amount", "price", "payout", "turnover", "gmv")
ENTITY_NAMES = re.compile(
    r"(^|_)(publisher|domain|site|seller|merchant|shop|store|app|account|customer|advertiser|partner|company|supplier"
    r"|vendor|host|name)(_?name)?$",
    re.IGNORECASE,
)
MIN_ENTITIES, OWN_SHARE = 20, 0.9
"""With at least this share of different values, which are estimates, each row has its own."""
MAX_MEASURES, MAX_DIMENSIONS, MAX_EVENTS, MAX_KPIS = 12, 6, 12, 4
MAX_VALUES = 10_000
"""A column with more different values than this is an identity, not a dimension."""
MIN_DAYS, RECORDS_A_DAY = 14, 10
"""A collection is what an entity did in a day; fewer days, or records a day, say nothing of its distribution."""
SINGLE_SHARE = 0.5
"""With at least this share of different times, rows are single records and not sums."""
FEW_ROWS = 20
"""With at least this many rows a value, a column is a dimension."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What `init` writes, with a sentence for each decision."""

    n_rows: int
    time: str
    measures: dict[str, str]
    kpis: dict[str, str]
    dimensions: tuple[str, ...]
    depth: int
    window: timedelta
    history: timedelta
    sentences: tuple[str, ...]
    collector: str | None = None
    """The entity of which each day's records are a collection, where rows are records with a time of day."""


@dataclass(frozen=True, slots=True)
class EntityGuess:
    """What `init` writes of a table with one row an entity."""

    n_rows: int
    entity: str
    columns: tuple[str, ...]
    sentences: tuple[str, ...]


def guess_entities(table: TableDescription) -> EntityGuess | None:
    """Guess that each row is an entity, where a column names them; None for a table of facts or events.

    Without a column that can be read as a time, a text or an id of which each row has its own names the entities.
    Beside a time, which every event has, too, it needs a name like publisher or shop.
    """
    own = [column for column in table.columns if _is_own(column, table.n_rows)]
    called = [column for column in own if ENTITY_NAMES.search(column.name)]
    try:
        _time(table)
        candidates = called
    except NotEnoughData:
        candidates = called or own
    if not candidates:
        return None
    entity = min(candidates, key=lambda column: column.kind != "text")
    others = [column for column in table.columns if column is not entity]
    columns = tuple(column.name for column in others if column.kind != "other" and column not in own)
    if not columns:
        return None
    left = [column.name for column in others if column.name not in columns]
    sentences = [f"one row an entity: {entity.name}", "columns: " + ", ".join(columns)]
    if left:
        sentences.append("not used (names of their own, or no plain values): " + ", ".join(left))
    return EntityGuess(table.n_rows, entity.name, columns, tuple(sentences))


def _is_own(column: ColumnDescription, n_rows: int) -> bool:
    """Whether nearly every row has its own name, or a number that is named like one."""
    is_name = column.kind == "text" or (column.kind == "integer" and IDENTITY_NAMES.search(column.name) is not None)
    return is_name and n_rows >= MIN_ENTITIES and (column.n_distinct or 0) >= OWN_SHARE * n_rows


def guess_settings(table: TableDescription) -> Guess:
    """Guess from a description; raises `NotEnoughData` when there is no time or no row."""
    if table.n_rows == 0:
        raise NotEnoughData("The table is empty", hint="tocsin init needs some rows to look at")
    time = _time(table)
    others = [column for column in table.columns if column.name != time.name]
    event = next((column for column in others if _is_event(column)), None)
    summed = [column for column in others if _is_quantity(column) and column is not event][:MAX_MEASURES]
    measures = _events(event) if event is not None else {}
    measures.update((_plain(column.name), f"sum({_quoted(column.name)})") for column in summed)
    flags = [_plain(column.name) for column in summed if _is_flag(column)]
    if event is None and len(flags) == len(summed):
        measures = {"rows": "count", **measures}
    free = [column for column in others if column is not event and column not in summed]
    fitting = [column for column in free if _is_dimension(column, table.n_rows)]
    dimensions = [column.name for column in sorted(fitting, key=lambda column: column.n_distinct or 0)][:MAX_DIMENSIONS]
    dimensions = [column.name for column in free if column.name in dimensions]
    kpis = _kpis(measures, flags)
    window, history = _window(time)
    collector = _collector(table, time, free)
    left = [column.name for column in free if column.name not in dimensions and column is not collector]
    sentences = [
        f"time: {time.name}" + (f" ({time.time_format})" if time.time_format else ""),
        "measures: " + ", ".join(f"{name} = {text}" for name, text in measures.items()),
        "KPIs: " + ", ".join(f"{name} = {text}" if name != text else name for name, text in kpis.items()),
        "dimensions: " + (", ".join(dimensions) or "none"),
    ]
    if collector is not None:
        sentences.append(f"collections: the times of day of each {collector.name}'s records")
    if left:
        sentences.append("not used (identities, constants, free text, or too many values): " + ", ".join(left))
    return Guess(
        table.n_rows,
        time.name,
        measures,
        kpis,
        tuple(dimensions),
        min(2, len(dimensions)),
        window,
        history,
        tuple(sentences),
        None if collector is None else collector.name,
    )


def _collector(
    table: TableDescription, time: ColumnDescription, columns: list[ColumnDescription]
) -> ColumnDescription | None:
    """Who makes collections of records: rows are records, days are enough for evidence, and each day has several."""
    first, last = _moment(time, time.min), _moment(time, time.max)
    n_days = (last - first) / timedelta(days=1) if first is not None and last is not None else 0.0
    if n_days < MIN_DAYS or (time.n_distinct or 0) < SINGLE_SHARE * table.n_rows:
        return None
    called = [column for column in columns if ENTITY_NAMES.search(column.name) and column.kind in ("text", "integer")]
    many = [column for column in called if 2 <= (column.n_distinct or 0) <= table.n_rows / (n_days * RECORDS_A_DAY)]
    return max(many, key=lambda column: column.n_distinct or 0, default=None)


def _time(table: TableDescription) -> ColumnDescription:
    """A time stamp, one that is named like a time before others; else a text or number that can be read as one."""
    usable = [column for column in table.columns if column.n_null < table.n_rows]
    real = [column for column in usable if column.kind == "time"]
    candidates = [column for column in real if TIME_NAMES.search(column.name)] or real
    readable = [column for column in usable if column.time_format is not None]
    candidates = candidates or [column for column in readable if TIME_NAMES.search(column.name)]
    candidates = candidates or [column for column in readable if column.kind == "text"]
    if not candidates:
        names = ", ".join(column.name for column in table.columns)
        allowed = "a time stamp, a date, ISO 8601 text, or epoch seconds in a column named like a time"
        hint = "`tocsin score` needs neither times nor names"
        raise NotEnoughData("No column looks like a time", allowed=allowed, got=names, hint=hint)
    return min(candidates, key=lambda column: (column.n_null, -(column.n_distinct or 0)))


def _is_event(column: ColumnDescription) -> bool:
    few = column.n_distinct is not None and 2 <= column.n_distinct <= MAX_EVENTS
    return column.kind == "text" and few and EVENT_NAMES.fullmatch(column.name) is not None


def _events(event: ColumnDescription) -> dict[str, str]:
    """Raw events: one count for each kind of event."""
    found = {}
    for value, _ in event.frequent:
        name = _plain(value.strip().lower())
        if "'" not in value:
            plural = name if name.endswith("s") else f"{name}s"
            found[plural] = f"count where {_quoted(event.name)} = '{value}'"
    return found


def _is_flag(column: ColumnDescription) -> bool:
    """Whether a row led to something: 0 or 1 in a column named like it."""
    binary = column.kind == "integer" and (column.min, column.max) == (0, 1)
    return binary and FLAG_NAMES.fullmatch(column.name) is not None


def _is_quantity(column: ColumnDescription) -> bool:
    """A number that is worth adding up: a step of a funnel, money, something named a count, or a continuous value."""
    name = column.name.lower()
    if column.kind not in ("integer", "number") or (column.n_distinct or 0) < 2:
        return False
    if (
        _is_flag(column)
        or any(name in step for step in FUNNEL)
        or any(word in name for word in MONEY)
        or name in QUANTITIES
    ):
        return True
    continuous = column.kind == "number" and (column.n_distinct or 0) > 50
    return continuous and not IDENTITY_NAMES.search(column.name) and not TIME_NAMES.search(column.name)


def _is_dimension(column: ColumnDescription, n_rows: int) -> bool:
    n = column.n_distinct or 0
    if column.kind not in ("text", "integer", "boolean") or n < 2:
        return False
    if column.kind == "integer" and column.time_format is not None:
        return False
    return n <= min(MAX_VALUES, max(MAX_EVENTS, n_rows // FEW_ROWS))


def _kpis(measures: dict[str, str], flags: list[str]) -> dict[str, str]:
    """The rates of a funnel or of rows that led to something, the widest step, and money where there is any."""
    steps = [next((name for name in measures if name.lower() in step), None) for step in FUNNEL]
    funnel = [name for name in steps if name is not None]
    found = {}
    for wide, narrow in itertools.pairwise(funnel):
        is_ctr = wide.lower() in FUNNEL[1] and narrow.lower() in FUNNEL[2]
        found["ctr" if is_ctr else f"{narrow}_per_{wide}"] = f"{narrow} / {wide}"
    if "rows" in measures:
        found.update((f"{flag}_rate", f"{flag} / rows") for flag in flags)
    volume = funnel[:1] or [name for name in measures if name.lower() in QUANTITIES][:1] or list(measures)[:1]
    found.update((name, name) for name in volume)
    found.update((name, name) for name in measures if any(word in name.lower() for word in MONEY))
    return dict(list(found.items())[:MAX_KPIS])


def _window(time: ColumnDescription) -> tuple[timedelta, timedelta]:
    """Days for dates, hours where there are days of data, else five minutes; a history may exceed the data."""
    first, last = _moment(time, time.min), _moment(time, time.max)
    if first is None or last is None:
        return timedelta(hours=1), timedelta(days=28)
    span = last - first
    per_day = (time.n_distinct or 1) / max(span / timedelta(days=1), 1 / 24)
    if per_day <= 1.5 and span > timedelta(days=2):
        return timedelta(days=1), timedelta(days=56)
    if span < timedelta(days=2):
        return timedelta(minutes=5), timedelta(days=7)
    return timedelta(hours=1), timedelta(days=28)


def _moment(column: ColumnDescription, value: object) -> datetime | None:
    """The instant that the smallest or largest value of a time column stands for; None where it is out of range."""
    divisors = {"epoch seconds": 1, "epoch milliseconds": 1e3, "epoch microseconds": 1e6}
    try:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if isinstance(value, int | float) and column.time_format in divisors:
            return datetime.fromtimestamp(value / divisors[column.time_format], UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _plain(name: str) -> str:
    """A measure's name: letters, digits, _ . and -."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-")[:60] or "measure"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f'"{name}"'

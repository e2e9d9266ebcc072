"""Events of a few countries, hour by hour, and a folder in which a monitor of series judges them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from tests.end_to_end.folder import Folder
from tocsin.pipeline import RunReport, backfill, run

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24
FIRST = 21 * DAY
"""The first hour that is judged, a Monday."""
N_HOURS = 30 * DAY
COUNTRIES = ("DE", "FR", "US")
CONFIG = """
[source.events]
path = "events.parquet"
time = "ts"
[source.events.measures]
orders = "sum(orders)"
visits = "sum(visits)"
[[monitor]]
name = "orders"
kind = "series"
source = "events"
kpi = "orders"
dimensions = ["country"]
window = "1h"
history = "3w"
alerts_a_week = 2
close_after = 2
max_catch_up = 2000
reevaluate = 2
[alerts.channel.files]
path = "alerts"
"""


def events(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table, seed: int = 0) -> pd.DataFrame:
    """One row an hour and country; `change` may plant troubles in the columns hour, country, visits, orders."""
    random = np.random.default_rng(seed)
    hours = np.arange(N_HOURS)
    parts = []
    for size, country in zip((1.0, 0.5, 3.0), COUNTRIES, strict=True):
        shape = 1 + 0.6 * np.sin((hours - 8) * 2 * np.pi / DAY) + 0.1 * np.sin(hours * 4 * np.pi / DAY)
        visits = random.poisson(4_000 * size * shape)
        parts.append(pd.DataFrame({"hour": hours, "country": country, "visits": visits}))
    table = pd.concat(parts, ignore_index=True)
    table["orders"] = random.binomial(table["visits"], 0.1)
    table = change(table)
    table["ts"] = pd.to_datetime(START) + pd.to_timedelta(table["hour"], unit="h") + pd.Timedelta(minutes=20)
    return table.drop(columns="hour")


def at(table: pd.DataFrame, country: str, first: int, end: int) -> pd.Series:
    """Which rows are of a country and of hours [first, end)."""
    return (table["country"] == country) & (table["hour"] >= first) & (table["hour"] < end)


def scaled(country: str, first: int, end: int, factor: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """All numbers of a country times a factor for some hours."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        chosen = at(table, country, first, end)
        for name in ("visits", "orders"):
            table[name] = np.where(chosen, np.round(table[name] * factor), table[name]).astype(np.int64)
        return table

    return change


class Shop(Folder):
    """A folder with data, configuration and store."""

    compared = ("window", "status", "facts_digest", "n_tested", "n_flagged")

    def write(self, table: pd.DataFrame, config: str = CONFIG) -> None:
        self.folder.mkdir(exist_ok=True)
        table.to_parquet(self.folder / "events.parquet")
        self.config.write_text(config, encoding="utf-8")

    def run(self, hour: float, **options: bool) -> RunReport:
        """Run at the beginning of an hour, which is the first that is not due."""
        return run(self.config, now=START + hour * HOUR, **options)

    def backfill(self, first: int, end: int, **options: bool) -> RunReport:
        return backfill(self.config, START + first * HOUR, START + end * HOUR, now=START + end * HOUR, **options)

"""Events of a few publishers, some of whom click too much, and a folder in which a monitor judges them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tocsin.config import Settings, load_settings
from tocsin.pipeline import RunReport, backfill, run
from tocsin.store import Store

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIG = """
[source.events]
path = "events.parquet"
time = "ts"
[source.events.measures]
clicks = "sum(clicks)"
[[monitor]]
name = "publishers"
kind = "contextual"
source = "events"
entity = "publisher"
attributes = ["country", "category"]
max_share = 0.02
close_after = 1
[monitor.features]
views = "sum(views)"
ctr = "clicks / views"
cost = "sum(cost)"
[alerts.channel.files]
path = "alerts"
"""


def events(n_days: int, odd: Mapping[str, range], n_publishers: int = 100, seed: int = 0) -> pd.DataFrame:
    """Two rows a publisher and day; games are clicked four times as often as news, odd ones 12 times as often as usual.

    odd : publisher -> the days on which it is odd
    """
    random = np.random.default_rng(seed)
    names = np.array([f"site{number}.example" for number in range(n_publishers)])
    country = random.choice(["DE", "FR", "JP"], n_publishers)
    category = np.where(np.arange(n_publishers) % 2, "games", "news")
    rate = np.where(category == "games", 0.08, 0.02) * random.lognormal(0, 0.1, n_publishers)
    size = random.lognormal(6, 0.3, n_publishers)
    parts = []
    for day in range(n_days):
        factor = np.array([12.0 if day in odd.get(name, ()) else 1.0 for name in names])
        for hour in (8, 20):
            views = random.poisson(size) + 1
            clicks = random.binomial(views, np.minimum(rate * factor, 0.9))
            parts.append(
                pd.DataFrame(
                    {
                        "ts": START + day * DAY + timedelta(hours=hour),
                        "publisher": names,
                        "country": country,
                        "category": category,
                        "views": views,
                        "clicks": clicks,
                        "cost": np.round(clicks * random.gamma(40, 1 / 40, n_publishers), 2),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


@dataclass
class Publishers:
    """A folder with data, configuration and store."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "tocsin.toml"

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def write(self, table: pd.DataFrame, config: str = CONFIG) -> None:
        table.to_parquet(self.folder / "events.parquet")
        self.config.write_text(config, encoding="utf-8")

    def run(self, day: float, **options: bool) -> RunReport:
        return run(self.config, now=START + day * DAY, **options)

    def backfill(self, first: int, end: int, **options: bool) -> RunReport:
        since, until = START + first * DAY, START + end * DAY
        return backfill(self.config, since, until, now=until, **options)

    def store(self) -> Store:
        return Store.open(self.settings.store.url, base=self.folder)

    def alerts(self) -> list[dict[str, object]]:
        files = sorted((self.folder / "alerts").glob("*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def facts(self) -> tuple[object, ...]:
        """Everything that the store says, without the times at which it was said."""
        with self.store() as store:
            runs = [(run.window, run.status, run.facts_digest, run.n_flagged, run.notes) for run in store.runs()]
            incidents = sorted((item.id, item.slice, item.state, item.headline) for item in store.incidents())
            return runs, incidents, store.anomalies()

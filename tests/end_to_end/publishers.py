"""Events of a few publishers, some of whom click too much, and a folder in which a monitor judges them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from tests.end_to_end.folder import Folder
from tocsin.pipeline import RunReport, backfill, run

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


class Publishers(Folder):
    """A folder with data, configuration and store."""

    def write(self, table: pd.DataFrame, config: str = CONFIG) -> None:
        table.to_parquet(self.folder / "events.parquet")
        self.config.write_text(config, encoding="utf-8")

    def run(self, day: float, **options: bool) -> RunReport:
        return run(self.config, now=START + day * DAY, **options)

    def backfill(self, first: int, end: int, **options: bool) -> RunReport:
        since, until = START + first * DAY, START + end * DAY
        return backfill(self.config, since, until, now=until, **options)

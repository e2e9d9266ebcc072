"""Orders of a few sellers, some of whose days are farmed, and a folder in which a monitor judges them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from tests.end_to_end.folder import Folder
from tocsin.pipeline import RunReport, backfill, run

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = 16
"""The day from which on there is evidence enough to judge by."""
HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 8, 14, 20, 24, 26, 28, 26, 22, 22, 24, 28, 32, 30, 22, 12, 6, 2])
CONFIG = """
[source.orders]
path = "orders.parquet"
time = "ts"
[[monitor]]
name = "farmed"
kind = "collections"
source = "orders"
entity = "seller"
history = "16d"
n_normal = 14
target_fpr = 0.001
close_after = 1
[alerts.channel.files]
path = "alerts"
"""


def orders(
    n_days: int = 22, farmed: Mapping[str, range] | None = None, n_sellers: int = 12, seed: int = 0, volume: float = 300
) -> pd.DataFrame:
    """Orders of sellers on all days; on farmed days as many again, all of them around half past three at night.

    farmed : seller -> its farmed days
    """
    random = np.random.default_rng(seed)
    parts = []
    for number in range(n_sellers):
        name = f"shop{number}"
        for day in range(n_days):
            shape = random.dirichlet(1_000 * HOURS / HOURS.sum())
            n = random.poisson(volume)
            hour = random.choice(24, n, p=shape)
            seconds = hour * 3_600 + random.random(n) * 3_600
            if day in (farmed or {}).get(name, ()):
                seconds = np.append(seconds, np.clip(random.normal(3.5 * 3_600, 1_800, n), 0, 86_399))
            moments = np.datetime64(START.replace(tzinfo=None), "us") + (seconds * 1e6).astype("timedelta64[us]")
            parts.append(pd.DataFrame({"ts": moments + np.timedelta64(day, "D"), "seller": name}))
    table = pd.concat(parts, ignore_index=True)
    table["ts"] = table["ts"].dt.tz_localize("UTC")
    return table.assign(price=np.round(random.lognormal(3, 0.5, len(table)), 2))


class Shops(Folder):
    """A folder with data, configuration and store."""

    def write(self, table: pd.DataFrame, config: str = CONFIG) -> None:
        self.folder.mkdir(exist_ok=True)
        table.to_parquet(self.folder / "orders.parquet")
        self.config.write_text(config, encoding="utf-8")

    def run(self, day: float, **options: bool) -> RunReport:
        """Run at the end of a day, which is the first that is not due."""
        return run(self.config, now=START + day * DAY, **options)

    def backfill(self, first: int, end: int, **options: bool) -> RunReport:
        since, until = START + first * DAY, START + end * DAY
        return backfill(self.config, since, until, now=until, **options)

    def kept(self) -> list[str]:
        with self.store() as store:
            return store.state_names("farmed")

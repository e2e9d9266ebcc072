"""A folder with data, configuration and store, and the runs over it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from tests.end_to_end.folder import Folder
from tocsin.pipeline import RunReport, backfill, run
from tocsin.simulate import Trouble

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(weeks=2)
HOUR = timedelta(hours=1)
CONFIG = """
[store]
url = "sqlite:///tocsin.db"
[source.funnel]
path = "events.parquet"
time = "ts"
[source.funnel.measures]
views = "sum(views)"
clicks = "sum(clicks)"
[[monitor]]
name = "ctr"
source = "funnel"
kpi = "clicks / views"
dimensions = ["country", "app"]
window = "1h"
history = "10d"
min_relative = 0.1
reevaluate = 3
[alerts.channel.files]
path = "alerts"
"""


@dataclass
class Project(Folder):
    """A folder with data, configuration and store."""

    trouble: Trouble
    events: pd.DataFrame

    def write(self, events: pd.DataFrame, config: str = CONFIG) -> None:
        events.to_parquet(self.folder / "events.parquet")
        self.config.write_text(config, encoding="utf-8")

    def run(self, now: datetime, **options: bool) -> RunReport:
        return run(self.config, now=now, **options)

    def backfill(self, since: datetime, until: datetime, **options: bool) -> RunReport:
        return backfill(self.config, since, until, now=max(until, END), **options)

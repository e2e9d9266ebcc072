"""A small funnel with one trouble."""

from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.project import END, HOUR, START, Project
from tocsin.model import Slice
from tocsin.simulate import Trouble, simulate_funnel


@pytest.fixture(scope="session")
def simulated() -> tuple[pd.DataFrame, Trouble]:
    """Two weeks of three countries and four apps; the clicks of the largest country fall by half for six hours."""
    quiet = simulate_funnel(weeks=2, start=START, n_countries=3, n_apps=4, n_partners=2, n_sdks=2, troubles=())
    traffic = quiet.events.to_pandas().groupby("country")["views"].sum()
    trouble = Trouble(
        name="ctr drop",
        kind="ctr drop",
        slice=Slice((("country", str(traffic.idxmax())),)),
        start=END - 12 * HOUR,
        end=END - 6 * HOUR,
        kpi="clicks / views",
        factor=0.5,
        harmful=True,
        sentence="half of the clicks are gone",
    )
    funnel = simulate_funnel(weeks=2, start=START, n_countries=3, n_apps=4, n_partners=2, n_sdks=2, troubles=(trouble,))
    return funnel.events.to_pandas(), trouble


@pytest.fixture
def project(tmp_path: Path, simulated: tuple[pd.DataFrame, Trouble]) -> Project:
    events, trouble = simulated
    made = Project(tmp_path, trouble, events)
    made.write(events)
    return made

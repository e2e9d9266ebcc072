"""The command line called as a process would call it, and a small project to call it in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.cli import main
from tocsin.model import Slice
from tocsin.simulate import Trouble, simulate_funnel

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(weeks=2)
MARKUP = "[bold red]DE[/bold red] [link=file:///etc/passwd]x[/link]"
"""A country's name that a careless terminal would read as markup."""
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
dimensions = ["country"]
history = "10d"
min_relative = 0.1
[alerts.channel.files]
path = "alerts"
"""


@dataclass(frozen=True)
class Answer:
    """What a call printed and its exit status; `text` and `complaint` with white space folded."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", self.out)

    @property
    def complaint(self) -> str:
        return re.sub(r"[\s│╭╮╰╯─]+", " ", self.err).strip()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Call `tocsin` with some words."""

    def tocsin(*words: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["tocsin", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "240")
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return tocsin


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a few slices; the clicks of the country `MARKUP` fall by half at the end."""
    sizes = {"weeks": 2, "start": START, "n_countries": 3, "n_apps": 3, "n_partners": 1, "n_sdks": 1}
    quiet = simulate_funnel(**sizes, troubles=())
    country = str(quiet.events.to_pandas().groupby("country")["views"].sum().idxmax())
    trouble = Trouble(
        name="ctr drop",
        kind="ctr drop",
        slice=Slice((("country", country),)),
        start=END - timedelta(hours=6),
        end=END,
        kpi="clicks / views",
        factor=0.5,
        harmful=True,
        sentence="half of the clicks are gone",
    )
    table = simulate_funnel(**sizes, troubles=(trouble,)).events.to_pandas()
    table["country"] = table["country"].astype(str).replace(country, MARKUP)
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    table.to_parquet(path)
    return path


@pytest.fixture
def project(tmp_path: Path, events: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data and configuration, the present one."""
    (tmp_path / "events.parquet").write_bytes(events.read_bytes())
    (tmp_path / "tocsin.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path

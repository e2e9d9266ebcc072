"""tocsin.toml: what it says when something is wrong, and that every key is documented."""

from datetime import timedelta
from pathlib import Path

import pytest

from tocsin.config import (
    AlertSettings,
    ChannelSettings,
    CollectionMonitorSettings,
    ContextualMonitorSettings,
    RelevancySettings,
    SeriesMonitorSettings,
    SliceMonitorSettings,
    SourceSettings,
    StoreSettings,
    load_settings,
    parse_settings,
)
from tocsin.errors import ConfigError
from tocsin.model import Kpi, Measure

REFERENCE = Path(__file__).parent.parent / "docs" / "reference" / "configuration.md"
VALID = """
[source.events]
path = "events/*.parquet"
time = "ts"
[source.events.measures]
views = "sum(views)"
clicks = "count where event = 'click'"
[[monitor]]
name = "ctr"
source = "events"
kpi = "clicks / views"
dimensions = ["country"]
window = "1h"
"""


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, base=Path())
    return str(caught.value)


def test_a_valid_configuration_has_defaults() -> None:
    settings = parse_settings(VALID, base=Path("/data"))
    assert settings.monitor[0].mode == "calibrated"
    assert settings.source["events"].measures["clicks"].where_value == "click"
    assert settings.base == Path("/data")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window =", "windw =", "did you mean 'window'?"),
        ("[source.events]\npath", "[source.events]\npth", "did you mean 'path'?"),
        ('"1h"', '"1 fortnight"', "a whole number of s, min, h, d or w"),
        ('"1h"', '"5h"', "divides a day"),
        ('"clicks / views"', '"clicks / vews"', "did you mean 'views'?"),
        ('source = "events"', 'source = "evnts"', "did you mean 'events'?"),
        ('"sum(views)"', '"median(views)"', "count, count(column), sum(column)"),
        ('name = "ctr"', 'name = "<b>"', "letters, digits"),
        ('path = "events/*.parquet"', 'path = "x"\nurl = "postgresql://h/d"', "either path or url"),
        ('path = "events/*.parquet"', 'url = "postgresql://h/d"', "url and table go together"),
        ('window = "1h"', 'window = "1d"\nhistory = "3d"', "at least 7 windows"),
        ('window = "1h"', 'window = "1h"\nq = 1.5', "less than 1, got 1.5"),
        ('window = "1h"', 'window = "1h"\ntimezone = "Mars/Olympus"', "an IANA name"),
        ("[source.events]", "[source.events", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(old: str, new: str, said: str) -> None:
    assert old in VALID
    assert said in error_of(VALID.replace(old, new, 1))


CONTEXTUAL = """
[source.events]
path = "events/*.parquet"
time = "ts"
measures = { clicks = "sum(clicks)" }
[[monitor]]
name = "publishers"
kind = "contextual"
source = "events"
entity = "publisher"
attributes = ["country"]
contexts = [["country"]]
features = { views = "sum(views)", ctr = "clicks / views", n = "count" }
"""


def test_a_contextual_monitor_has_defaults() -> None:
    (monitor,) = parse_settings(CONTEXTUAL, base=Path()).monitor
    assert isinstance(monitor, ContextualMonitorSettings)
    assert (monitor.features["ctr"], monitor.features["n"]) == (Kpi("clicks", "views"), Measure("count"))
    assert (monitor.window, monitor.max_share, monitor.is_ready) == (timedelta(days=1), 0.01, False)
    assert monitor.model_dump_json()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"contextual"', '"contxtual"', "did you mean 'contextual'?"),
        ("attributes =", "atributes =", "did you mean 'attributes'?"),
        ('entity = "publisher"', "", "monitor.0.entity: Field required"),
        ("clicks / views", "clics / views", "did you mean 'clicks'?"),
        ("clicks / views", "median(views)", "count, count(column), sum(column)"),
        ('[["country"]]', '[["countri"]]', "did you mean 'country'?"),
        ('["country"]\n', '["country", "country"]\n', "'country' twice"),
        ('["country"]\n', '["publisher", "country"]\n', "cannot be a feature, an attribute or a column, too"),
        ('["country"]\n', '["country"]\ncolumns = ["x"]\n', "columns belong to a table of entities"),
        ("features = ", 'stake = "vews"\nfeatures = ', "did you mean 'views'?"),
        ("features = ", "max_share = 0.9\nfeatures = ", "less than or equal to 0.5, got 0.9"),
        ("features = ", 'kpi = "views"\nfeatures = ', "unknown key monitor.0.kpi"),
    ],
)
def test_a_mistake_in_a_contextual_monitor_is_named(old: str, new: str, said: str) -> None:
    assert old in CONTEXTUAL
    assert said in error_of(CONTEXTUAL.replace(old, new, 1))


def test_slices_need_a_time() -> None:
    assert "needs a source with a column of time" in error_of(VALID.replace('time = "ts"\n', ""))


def test_secrets_come_from_the_environment_and_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = VALID + '[alerts.channel.hook]\nurl = "json://${TOCSIN_TEST_HOST}/x"\n'
    monkeypatch.delenv("TOCSIN_TEST_HOST", raising=False)
    assert "TOCSIN_TEST_HOST is not set" in error_of(text)
    monkeypatch.setenv("TOCSIN_TEST_HOST", "s3cret")
    settings = parse_settings(text, base=Path())
    url = settings.alerts.channel["hook"].url
    assert url is not None
    assert url.get_secret_value() == "json://s3cret/x"
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


def test_an_invalid_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_TEST_HOST", "s3cret")
    text = VALID + '[alerts.channel.hook]\nurl = "json://${TOCSIN_TEST_HOST}/x"\npath = "also"\n'
    assert "s3cret" not in error_of(text)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tocsin init"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "section",
    [
        StoreSettings,
        SourceSettings,
        SliceMonitorSettings,
        ContextualMonitorSettings,
        CollectionMonitorSettings,
        SeriesMonitorSettings,
        AlertSettings,
        ChannelSettings,
        RelevancySettings,
    ],
)
def test_every_key_is_documented_with_its_meaning(section: type[SliceMonitorSettings]) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for name, field in section.model_fields.items():
        assert field.description, f"{section.__name__}.{name} has no docstring"
        meaning = " ".join(field.description.split()).replace("|", "\\|")
        assert f"| `{name}` |" in text, name
        assert meaning in text, name


SERIES = """
[source.events]
path = "events.parquet"
time = "ts"
[source.events.measures]
orders = "count"
[[monitor]]
name = "orders"
kind = "series"
source = "events"
kpi = "orders"
"""


@pytest.mark.parametrize(
    ("keys", "n_season", "n_history", "n_shift"),
    [
        ("", 24, 672, 1),
        ('window = "15min"', 96, 2_688, 4),
        ('window = "1min"', 1_440, 4_320, 60),
        ('window = "1min"\nmax_series = 100', 1_440, 40_320, 60),
        ('window = "6h"', 4, 112, 0),
        ('window = "1d"', 7, 84, 0),
        ('window = "7d"', None, 84, 0),
        ('window = "7min"', None, 4_000, 0),
        ('season = "none"\nhistory = "20h"', None, 20, 0),
        ('season = "8h"', 8, 672, 0),
        ('second_season = "28d"', 24, 2_016, 1),
        ('window = "1d"\nseason = "90d"', 90, 270, 0),
        ('season = "6h"\nmax_series = 10000000', 6, 26, 0),
    ],
)
def test_what_a_monitor_of_series_makes_of_its_window(
    keys: str, n_season: int | None, n_history: int, n_shift: int
) -> None:
    monitor = parse_settings(SERIES + keys, base=Path()).monitor_named("orders")
    assert isinstance(monitor, SeriesMonitorSettings)
    assert (monitor.n_season, monitor.n_history, monitor.n_shift) == (n_season, n_history, n_shift)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('season = "90min"', "season must be a multiple of the window"),
        ('season = "1h"', "2 windows or more"),
        ('second_season = "36h"', "second_season must be a multiple of season"),
        ('season = "none"\nsecond_season = "7d"', "second_season must be a multiple of season"),
        ('history = "19h"\nseason = "none"', "at least 20 windows"),
        ('history = "43h"', "at least 44 windows: the 24 of a season, and 20"),
        (
            'history = "83h"\ndetector = "random_cut_forest"\nshingle = 64',
            "at least 84 windows: the 64 of a shingle, and 20",
        ),
        ('dimensions = ["a", "a"]', "dimensions must differ"),
        ("alerts_a_week = 0", "greater than 0"),
        ('detector = "arima"', "holt_winters"),
    ],
)
def test_a_monitor_of_series_that_cannot_be(keys: str, said: str) -> None:
    assert said in error_of(SERIES + keys)

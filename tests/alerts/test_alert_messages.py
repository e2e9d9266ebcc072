"""What an alert says: the payload's structure, routing, and every dialect's escaping as literal strings."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.conftest import T0, make_anomaly, make_incident
from tocsin.alerts import Dialect, build_alert, escape, render_text, route
from tocsin.config import AlertSettings
from tocsin.model import Alert, Anomaly, Change, Incident, IncidentState, Slice

DETAILS = {
    "unit": "ratio",
    "value": 0.008,
    "expected": 0.021,
    "lower": 0.019,
    "upper": 0.024,
    "p_value": 1e-9,
    "q_value": math.nan,
    "share_of_total": -0.06,
    "reasons": ["80 clicks of 10k views; 210 were expected.", "app 7 makes up 91 % of the deviation."],
    "rows": [{"slice": {"country": "DE"}, "value": 0.008, "expected": 0.021, "lower": 0.019, "upper": None}],
    "n_slices": 9,
}


def incident_with(**changes) -> Incident:
    return make_incident(13, 14, **{"details": DETAILS, "slice": Slice((("country", "DE"), ("app", "7"))), **changes})


def alert_about(
    incident: Incident, anomalies: list[Anomaly] | None = None, change: Change = Change.OPENED, hour: int = 15
) -> Alert:
    at = T0 + timedelta(hours=hour)
    return build_alert(incident, change, anomalies or [], at=at, link="https://tocsin.example/", channels=("a", "b"))


def test_the_payload_is_the_documented_json() -> None:
    anomalies = [make_anomaly(14, str(number), stake=float(number), lower=math.inf) for number in range(7)]
    alert = alert_about(incident_with(), anomalies)
    incident_id = incident_with().id
    assert (alert.incident_id, alert.channels, alert.dedupe_key) == (incident_id, ("a", "b"), f"tocsin/{incident_id}")
    row = {"actual": 0.008, "expected": 0.021, "lower": None, "upper": 0.024, "share_of_total": -0.06}
    assert alert.payload == {
        "id": alert.payload["id"],
        "at": "2026-03-02T15:00:00+00:00",
        "version": 1,
        "dedupe_key": f"tocsin/{incident_id}",
        "change": "opened",
        "status": "open",
        "monitor": "ctr",
        "kind": "slices",
        "kpi": "clicks / views",
        "severity": "high",
        "stake": 130.0,
        "incident_id": incident_id,
        "headline": "down 62 %: CTR, country DE is 0.8 % (expected 1.9 to 2.4 %)",
        "slice": {"country": "DE", "app": "7"},
        "direction": "down",
        "unit": "ratio",
        "actual": 0.008,
        "expected": 0.021,
        "lower": 0.019,
        "upper": 0.024,
        "p_value": 1e-9,
        "q_value": None,
        "share_of_total": -0.06,
        "window": {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T15:00:00+00:00"},
        "first_window": {"start": "2026-03-02T13:00:00+00:00", "end": "2026-03-02T14:00:00+00:00"},
        "reasons": ["80 clicks of 10k views; 210 were expected.", "app 7 makes up 91 % of the deviation."],
        "rows": [{"slice": {"country": str(number)}, **row} for number in (6, 5, 4, 3, 2)],
        "n_more": 2,
        "links": {
            "why": f"tocsin why {incident_id}",
            "page": f"https://tocsin.example/incidents/{incident_id}",
        },
    }
    assert json.loads(json.dumps(alert.payload, allow_nan=False)) == alert.payload


def test_the_reference_names_every_key_of_the_payload() -> None:
    reference = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "alerts.md").read_text()
    table = reference.partition("## The payload")[2].partition("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    named = {key for cell in rows for key in re.findall(r"`(\w+)`", cell)}
    assert named == {*alert_about(incident_with()).payload, *alert_about(entity_incident()).payload}


def entity_incident() -> Incident:
    indicator = {
        "name": "ctr", "observed": "0.31", "expected": "0.03 (0.02 to 0.05)", "share": 0.7, "context": "country",
        "population": "country = <b>", "n_peers": 214, "value": 0.31, "lower": 0.02, "median": 0.03, "upper": 0.05,
    }  # fmt: skip
    alone = {**indicator, "context": "", "population": "all rows", "share": math.nan}
    return incident_with(kind="contextual", details={"reasons": ["odd"], "indicators": [indicator, alone, "no record"]})


def test_the_indicators_of_an_entity_take_the_place_of_rows() -> None:
    payload = alert_about(entity_incident(), [make_anomaly(14, "DE")]).payload
    assert (payload["rows"], payload["n_more"]) == ([], 0)
    shown = {"name": "ctr", "observed": "0.31", "expected": "0.03 (0.02 to 0.05)", "n_peers": 214}
    assert payload["indicators"] == [
        {**shown, "share": 0.7, "sub_population": "country = <b>"},
        {**shown, "share": None, "sub_population": ""},
    ]
    json.dumps(payload, allow_nan=False)


def test_without_anomalies_the_incident_s_own_rows_are_shown() -> None:
    payload = alert_about(incident_with(state=IncidentState.CLOSED), change=Change.CLOSED).payload
    assert (payload["change"], payload["status"], payload["n_more"]) == ("closed", "closed", 8)
    assert [row["slice"] for row in payload["rows"]] == [{"country": "DE"}]
    bare = alert_about(incident_with(details={})).payload
    assert (bare["rows"], bare["n_more"], bare["reasons"], bare["actual"]) == ([], 0, [], None)


def test_an_id_depends_on_what_is_said_and_not_on_when() -> None:
    first = alert_about(incident_with())
    assert alert_about(incident_with(), hour=20).payload["id"] == first.payload["id"]
    assert alert_about(incident_with(stake=131.0)).payload["id"] != first.payload["id"]
    assert alert_about(incident_with(), change=Change.UPDATED).payload["id"] != first.payload["id"]


def test_channels_hear_by_monitor_and_severity() -> None:
    settings = AlertSettings.model_validate(
        {
            "channel": {
                "all": {"path": "a"},
                "high": {"path": "b", "min_severity": "high"},
                "medium": {"path": "c", "min_severity": "medium"},
                "ctr": {"path": "d", "monitors": ["ctr"]},
                "other": {"path": "e", "monitors": ["other"]},
            }
        }
    )
    assert route(settings, incident_with(severity="high")) == ("all", "high", "medium", "ctr")
    assert route(settings, incident_with(severity="medium")) == ("all", "medium", "ctr")
    assert route(settings, incident_with(severity="low")) == ("all", "ctr")
    assert route(settings, incident_with(severity="low", monitor="other")) == ("all", "other")
    assert route(settings, incident_with(severity="unheard of")) == ("all", "high", "medium", "ctr")


Z = "\u200b"
"""A zero-width space."""

CASES = [
    # value, plain, markdown, html
    ("DE", "DE", "DE", "DE"),
    ("<b>&\"'", "<b>&\"'", "\\<b\\>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
    ("*a* _b_ ~c~ `d`", "*a* _b_ ~c~ `d`", "∗a∗ ＿b＿ ∼c∼ ˋdˋ", "*a* _b_ ~c~ `d`"),
    ("app_7 __init__", "app_7 __init__", "app_7 ＿＿init＿＿", "app_7 __init__"),
    ("<!channel>", f"<{Z}!channel>", f"\\<{Z}\\!channel\\>", f"&lt;{Z}!channel&gt;"),
    ("<@U123>", f"<{Z}@{Z}U123>", f"\\<{Z}@{Z}U123\\>", f"&lt;{Z}@{Z}U123&gt;"),
    ("@everyone", f"@{Z}everyone", f"@{Z}everyone", f"@{Z}everyone"),
    ("<https://x.y|z>", f"<https:{Z}//x.y|z>", f"\\<https:{Z}//x.y|z\\>", f"&lt;https:{Z}//x.y|z&gt;"),
    ("[a](HTTP://x.y)", f"[a](HTTP:{Z}//x.y)", f"\\[a\\]\\(HTTP:{Z}//x.y\\)", f"[a](HTTP:{Z}//x.y)"),
    (
        "www.x.y mailto:a@b",
        f"www{Z}.x.y mailto{Z}:a@{Z}b",
        f"www{Z}.x.y mailto{Z}:a@{Z}b",
        f"www{Z}.x.y mailto{Z}:a@{Z}b",
    ),
    ("\\<!here>", f"\\<{Z}!here>", f"∖\\<{Z}\\!here\\>", f"\\&lt;{Z}!here&gt;"),
    ("&lt;!here&gt;", "&lt;!here&gt;", "&lt;\\!here&gt;", "&amp;lt;!here&amp;gt;"),
    ("# head ![i](j)", "# head ![i](j)", "\\# head \\!\\[i\\]\\(j\\)", "# head ![i](j)"),
]


@pytest.mark.parametrize(("value", "plain", "markdown", "html"), CASES, ids=lambda value: ascii(value)[:12])
def test_values_are_made_harmless_in_every_dialect(value: str, plain: str, markdown: str, html: str) -> None:
    assert escape(value, "plain") == plain
    assert escape(value, "markdown") == markdown
    assert escape(value, "html") == html


@pytest.mark.parametrize("dialect", ["plain", "markdown", "html"])
@pytest.mark.parametrize(
    "hidden", ["\n", "\r", "\t", "\x00", "\x1b", "\u2028", "\ud800", "\u202e", "\u2066", Z, "\ufeff"]
)
def test_hidden_characters_are_shown(hidden: str, dialect: Dialect) -> None:
    shown = escape(f"a{hidden}b", dialect)
    assert hidden not in shown
    assert len(shown) > 2
    assert shown.isprintable()
    assert shown.startswith("a")
    assert shown.endswith("b")


@given(st.text(alphabet=st.sampled_from("<>!@#[]()*_~`\\/:&\"'| \n\u202ehtpswm.a1"), max_size=40))
def test_no_value_leaves_a_mention_a_link_or_markup(value: str) -> None:
    for text in (escape(value, "plain"), escape(value, "markdown"), escape(value, "html")):
        assert "://" not in text
        assert "<!" not in text
        assert "\n" not in text
        assert not any(text[index + 1 : index + 2] not in ("", Z) for index, sign in enumerate(text) if sign == "@")
    markdown, page = escape(value, "markdown"), escape(value, "html")
    unescaped = markdown.replace("\\\\", "")
    for sign in "<>[]()":
        assert unescaped.count(sign) == unescaped.count("\\" + sign)
    assert not set("*`~") & set(markdown)
    assert not set("<>\"'") & set(page)


TEXT = """\
- 80 clicks of 10k views; 210 were expected.
- app 7 makes up 91 % of the deviation.

- country DE x app x*y_z: 0.8 % (expected 1.9 to 2.4 %)
- 2 more slices

Mon 2 Mar 2026, 14:00 to 15:00 UTC · monitor ctr · severity high

Why: tocsin why {id}

Page: https://tocsin.example/incidents/{id}"""


def test_a_text_has_reasons_rows_window_and_where_to_read_on() -> None:
    anomaly = make_anomaly(14, slice=Slice((("country", "DE"), ("app", "x*y_z"))))
    payload = {**alert_about(incident_with(), [anomaly]).payload, "n_more": 2}
    title, body = render_text(payload, "plain")
    assert title == "down 62 %: CTR, country DE is 0.8 % (expected 1.9 to 2.4 %)"
    assert body == TEXT.format(id=payload["incident_id"])
    title, body = render_text(payload, "markdown")
    assert title == "down 62 %: CTR, country DE is 0.8 % \\(expected 1.9 to 2.4 %\\)"
    assert "- country DE x app x∗y_z: 0.8 % \\(expected 1.9 to 2.4 %\\)\n- 2 more slices\n" in body
    assert body.endswith(f"[Open the incident](https://tocsin.example/incidents/{payload['incident_id']})")
    title, body = render_text(payload, "html")
    assert "<li>country DE x app x*y_z: 0.8 % (expected 1.9 to 2.4 %)</li><li>2 more slices</li>" in body


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (Change.OPENED, "down"),
        (Change.UPDATED, "Changed: down"),
        (Change.CLOSED, "Over: down"),
        (Change.RETRACTED, "Taken back: down"),
    ],
)
def test_the_title_says_what_changed(change: Change, title: str) -> None:
    assert render_text(alert_about(incident_with(headline="down"), change=change).payload, "plain")[0] == title


def test_long_values_are_cut() -> None:
    part = Slice((("app", "x" * 10_000),))
    payload = alert_about(incident_with(headline="y" * 10_000, slice=part), [make_anomaly(14, slice=part)]).payload
    assert len(payload["slice"]["app"]) == 1000
    for dialect in ("plain", "markdown", "html"):
        title, body = render_text(payload, dialect)
        assert len(title) == 400
        assert "x" * 79 + "…" in body
        assert "x" * 80 not in body

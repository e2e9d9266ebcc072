"""The report's page: well formed, self-contained, safe with hostile values, bounded, deterministic."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.model import Direction, Incident, IncidentState, LeftOut, Slice, Window
from tocsin.report import ChosenSighting, FailedDelivery, MonitorSummary, PlantedRow, Report, render_report
from tocsin.report.render import MAX_CARDS, MAX_LINES
from tocsin.report.views import MAX_BARS, MAX_ROWS

HOUR = timedelta(hours=1)
NOW = datetime(2026, 2, 16, tzinfo=UTC)
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """Walks a page strictly: every tag is closed in order; collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for tag, text in self.texts if tag not in ("style", "script")).split())

    def count(self, tag: str, css_class: str = "") -> int:
        return sum(
            name == tag and (not css_class or css_class in (a.get("class") or "").split()) for name, a in self.tags
        )


def point(i, value=0.02, flagged=False):
    start = (NOW - timedelta(days=2) + i * HOUR).isoformat()
    return {"start": start, "value": value, "expected": 0.02, "lower": 0.018, "upper": 0.022, "flagged": flagged}


def details(**changes):
    usual = {
        "unit": "ratio",
        "value": 0.008,
        "expected": 0.021,
        "lower": 0.019,
        "upper": 0.024,
        "reasons": ["It explains 12 % of the total."],
        "series": [point(i, 0.008 if i > 40 else 0.02, i > 40) for i in range(48)],
        "contributions": [{"dimension": "partner", "value": "partner A", "amount": 40, "expected": 100, "share": 0.8}],
        "rows": [
            {
                "slice": "country DE x app 7", "value": 0.008, "expected": 0.021, "lower": 0.019, "upper": 0.024,
                "p_value": 1e-9, "q_value": 3e-7, "share_of_total": -0.12,
            }
        ],
    }  # fmt: skip
    return usual | changes


def incident(stake=100.0, *, hours=9, **changes):
    first = NOW - timedelta(hours=24)
    usual = {
        "monitor": "ctr",
        "slice": Slice((("country", "DE"), ("app", "app 7"))),
        "kpi": "clicks / views",
        "direction": Direction.DOWN,
        "state": IncidentState.OPEN,
        "first": Window(first, first + HOUR),
        "last": Window(first + (hours - 1) * HOUR, first + hours * HOUR),
        "severity": "high",
        "stake": stake,
        "anomaly_ids": ("a",),
        "headline": "down 62 %: CTR, DE x app 7 is 0.8 % (expected 1.9 to 2.4 %)",
        "details": details(),
    }
    return Incident(**(usual | changes))


def report(*incidents, **changes):
    monitor = MonitorSummary(
        "ctr",
        "clicks / views",
        n_windows=168,
        n_silent=2,
        alerts_per_week=3.0,
        left_out=(LeftOut("traffic floor", 1203, "slices", "too small"),),
        notes=("Season: hour of the week.",),
    )
    usual = {"title": "Ad funnel", "generated_at": NOW, "monitors": (monitor,), "incidents": incidents}
    return Report(**(usual | changes))


def test_a_page_tells_everything_of_an_incident():
    one = incident()
    html = render_report(
        report(
            one,
            planted=(PlantedRow("CTR falls.", "country DE", Window(NOW - HOUR, NOW), True, (one.id,), "as planned"),),
            failed_deliveries=(FailedDelivery("ops", one.id, 8, NOW, "503"),),
            next_step=f"answer it: `tocsin feedback {one.id} relevant`",
        )
    )
    page = Page(html)
    for text in (
        "Ad funnel", "Mon 16 Feb 2026, 00:00 UTC", one.headline, "country DE x app 7", "clicks / views", "high", "open",
        "0.8 %", "1.9 to 2.4 %", "down 62 %", "Sun 15 Feb 2026, 00:00 to 09:00 UTC", "9 windows", "stake 100",
        "It explains 12 % of the total.", "partner A", "80 %", "1e-9", "3e-7", "-12 %",
        "CTR falls.", "found", "as planned", "503", "1,203 slices :", "traffic floor", "168", "2 silent", "Season",
        f"tocsin why {one.id}", f"tocsin feedback {one.id} relevant",
    ):  # fmt: skip
        assert text in page.text, text
    assert page.count("circle", "flag") == 7
    assert page.count("g", "hit") == 48
    assert html == render_report(
        report(
            one,
            planted=(PlantedRow("CTR falls.", "country DE", Window(NOW - HOUR, NOW), True, (one.id,), "as planned"),),
            failed_deliveries=(FailedDelivery("ops", one.id, 8, NOW, "503"),),
            next_step=f"answer it: `tocsin feedback {one.id} relevant`",
        )
    )


def test_links_lead_to_places_on_the_page():
    one = incident()
    row = PlantedRow("CTR falls.", "DE", Window(NOW - HOUR, NOW), True, (one.id, "000000000000"))
    page = Page(
        render_report(report(one, planted=(row,), failed_deliveries=(FailedDelivery("ops", "gone", 8, NOW, "x"),)))
    )
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert len(links) > 5
    for link in links:
        assert link[0] == "#"
        assert link[1:] in ids
    for _, attributes in page.tags:
        for reference in (attributes.get("aria-labelledby") or "").split():
            assert reference in ids


def test_the_page_needs_nothing_else():
    html = render_report(report(incident(), incident(50.0, severity="low")))
    page = Page(html)
    assert not [tag for tag, _ in page.tags if tag in ("link", "img", "iframe", "object", "embed", "base", "form")]
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "style", "action", "xlink:href"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?:|//\w|@import|url\(|fetch\(|XMLHttp|innerHTML|eval\(", html)


def test_the_policy_allows_the_own_style_and_script_alone():
    html = render_report(report(incident()))
    page = Page(html)
    (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        assert html.count(f"<{tag}") == 1
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_is_readable_everywhere():
    page = Page(render_report(report(incident())))
    assert ("html", {"lang": "en"}) in page.tags
    assert any(a.get("name") == "viewport" for tag, a in page.tags if tag == "meta")
    assert page.count("details") == page.count("summary") == 1
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert charts
    assert all(chart["aria-label"] and chart["tabindex"] == "0" for chart in charts)
    style = next(text for tag, text in page.texts if tag == "style")
    for query in ("prefers-color-scheme: dark", "max-width: 640px", "@media print"):
        assert query in style


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_have_enough_contrast_in_light_and_dark_and_print():
    style = re.findall(r"<style>(.*?)</style>", render_report(report()), re.DOTALL)[0]
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(themes) == 3
    for theme in themes:
        colour = {
            name: value if len(value) == 7 else "#" + "".join(2 * c for c in value[1:]) for name, value in theme.items()
        }
        texts = [(name, back) for name in ("text", "soft", "accent") for back in ("surface", "page", "sunken")]
        texts += [(level, f"{level}-fill") for level in ("high", "medium", "low", "good")] + [("high", "surface")]
        for name, back in texts:
            assert contrast(colour[name], colour[back]) >= 4.5, (name, back)
        for name, back in (("actual", "surface"), ("actual", "band"), ("flag", "surface"), ("flag", "shade")):
            assert contrast(colour[name], colour[back]) >= 3, (name, back)
        for name in ("more", "less", "expected"):
            assert contrast(colour[name], colour["surface"]) >= 3, name


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- -->]]>",
    "{{ 7 * 7 }}{% raw %}",
    "`tocsin why`",
    "two\nlines\tand a tab",
    "null\x00and bell\x07",
    "\u202eright to left\u2066",
    "\ud800 alone",
    "👩\u200d👩\u200d👧" * 30,
    "x" * 10_000,
    " ",
    "&lt;b&gt;",
    "</title></style>",
]


def hostile_report(evil):
    one = incident(
        slice=Slice(((evil or "d", evil),)),
        kpi=evil,
        monitor=evil,
        severity=evil,
        kind=evil or "slices",
        headline=evil,
        details=details(
            reasons=[evil],
            contributions=[{"dimension": evil, "value": evil, "amount": 1, "expected": 2, "share": 0.5}],
            rows=[{"slice": evil, "value": 1}],
        ),
    )
    return report(
        one,
        title=evil,
        monitors=(MonitorSummary(evil, evil, 1, left_out=(LeftOut(evil, 1, evil, evil),), notes=(evil,)),),
        planted=(PlantedRow(evil, evil, Window(NOW - HOUR, NOW), True, (one.id, evil), evil),),
        failed_deliveries=(FailedDelivery(evil, evil, 1, NOW, evil),),
        next_step=evil or "x",
    )


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_values_stay_text(evil):
    html = render_report(hostile_report(evil))
    page, tame = Page(html), Page(render_report(hostile_report("tame")))

    def skeleton(of):
        # "bdi" and "code" come and go with what is empty or between backticks; nothing else may
        return [(tag, sorted(set(a) - {"title"})) for tag, a in of.tags if tag not in ("bdi", "code", "a")]

    assert skeleton(page) == skeleton(tame)
    if evil.startswith("{{"):
        assert "{{ 7 * 7 }}" in page.text
    html.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert len(html) < 600_000


@given(st.text(st.characters(), max_size=40))
@settings(max_examples=25, deadline=None)
def test_no_text_at_all_adds_a_tag(text):
    page = Page(render_report(hostile_report(text)))
    assert page.count("script") == 1
    assert page.count("article") == 1


def test_empty_texts_are_no_harm():
    assert Page(render_report(hostile_report(""))).count("article") == 1


def test_long_values_are_cut_and_whole_in_the_title():
    value = "long " * 199 + "long"
    page = Page(render_report(report(incident(headline=value))))
    titles = [a["title"] for tag, a in page.tags if tag == "bdi" and "title" in a]
    assert value in titles
    assert value not in page.text


NUMBERS = [None, "text", True, [], {}, float("nan"), float("inf"), -float("inf"), 10**400, -1e308, 0]


@pytest.mark.parametrize("odd", NUMBERS)
def test_details_of_any_shape_are_read_as_missing(odd):
    odd_point = {"start": point(0)["start"], "value": odd, "expected": odd, "lower": odd, "upper": odd, "flagged": odd}
    shapes = [
        {},
        {"series": odd, "contributions": odd, "rows": odd, "reasons": odd, "value": odd, "lower": odd, "upper": odd},
        details(series=[odd, odd_point, point(1), {"start": odd}, {"start": "no time"}, {"start": "0001-01-01"}]),
        details(contributions=[odd, {"amount": odd, "expected": odd, "share": odd, "value": odd, "dimension": odd}]),
        details(rows=[odd, {"slice": odd, "value": odd, "p_value": odd, "share_of_total": odd}], unit=odd),
    ]
    for shape in shapes:
        page = Page(render_report(report(incident(details=shape))))
        assert " nan" not in page.text.lower()


def test_gaps_and_lone_points_are_drawn():
    series = [point(i) for i in range(10)]
    for i in (3, 4, 6):
        series[i]["value"] = None
    page = Page(render_report(report(incident(details=details(series=series)))))
    (actual,) = [a["d"] for tag, a in page.tags if tag == "path" and a.get("class") == "actual"]
    assert actual.count("M") == 3
    assert actual.count("M") + actual.count("L") == 7
    assert page.count("circle", "lone") == 1


def test_incidents_come_by_stake():
    page = Page(render_report(report(*(incident(stake, id=f"id{stake:.0f}") for stake in (5.0, 500.0, 50.0)))))
    order = [a["id"] for tag, a in page.tags if tag == "article"]
    assert order == ["incident-id500", "incident-id50", "incident-id5"]


def test_a_source_that_is_silent_now_comes_first():
    silent = incident(0.0, id="silent", kind="source silent", details={"unit": "amount"})
    back = incident(0.0, id="back", kind="source silent", state=IncidentState.CLOSED)
    page = Page(render_report(report(incident(5.0, id="five"), back, silent, incident(float("nan"), id="unknown"))))
    order = [a["id"] for tag, a in page.tags if tag == "article"]
    assert order[:2] == ["incident-silent", "incident-five"]
    assert "stake 0" not in page.text


def test_thousands_of_incidents_make_a_bounded_page():
    many = [incident(float(i), id=f"{i:012d}") for i in range(2000)]
    html = render_report(report(*many))
    page = Page(html)
    assert page.count("article") == MAX_CARDS
    assert page.count("li") >= MAX_LINES
    assert f"{2000 - MAX_CARDS - MAX_LINES:,} more with less at stake" in page.text
    assert "2,000" in page.text
    assert len(html) < 3_000_000


def test_long_lists_of_an_incident_are_cut_and_counted():
    contributions = [
        {"dimension": "app", "value": f"app {i}", "amount": 10, "expected": 100 - i, "share": 0.01} for i in range(30)
    ]
    rows = [{"slice": f"slice {i}", "value": 1} for i in range(40)]
    page = Page(render_report(report(incident(details=details(contributions=contributions, rows=rows)))))
    assert page.count("rect", "bar-expected") == MAX_BARS
    assert f"and {30 - MAX_BARS} more" in page.text
    assert f"and {40 - MAX_ROWS} more" in page.text
    told = details(rows=rows[:20], n_slices=5000)
    assert f"and {5000 - MAX_ROWS:,} more" in Page(render_report(report(incident(details=told)))).text
    assert "app 0" in page.text
    assert "app 29" not in page.text


def test_times_are_in_the_zone_of_the_monitor():
    there = report(incident(), monitors=(MonitorSummary("ctr", "clicks / views", 1, timezone="Asia/Tokyo"),))
    assert "Sun 15 Feb 2026, 09:00 to 18:00 JST" in Page(render_report(there)).text


@pytest.mark.parametrize(
    ("empty", "text"),
    [
        (report(monitors=()), "No monitor is configured"),
        (report(monitors=(MonitorSummary("ctr", "x", 0),)), "No window has been evaluated yet"),
        (report(), "No incident: nothing moved"),
        (report(planted=()), "Nothing was planted"),
        (report(incident(details={"value": 1.0})), "there is no chart"),
    ],
)
def test_empty_states_say_so(empty, text):
    assert text in Page(render_report(empty)).text


def test_planted_rows_say_what_silence_means():
    rows = [PlantedRow("x", "y", Window(NOW - HOUR, NOW), harmful) for harmful in (True, False)]
    page = Page(render_report(report(planted=tuple(rows))))
    badges = [text for tag, text in page.texts if tag == "span"]
    assert badges[badges.index("missed") :][:3] == ["missed", "harmless", "quiet"]


def test_states_are_counted_on_top():
    states = [IncidentState.OPEN, IncidentState.OPEN, IncidentState.CLOSED, IncidentState.RETRACTED]
    made = [replace(incident(float(i), id=f"id{i}"), state=state) for i, state in enumerate(states)]
    page = Page(render_report(report(*made)))
    totals = [text.strip() for tag, text in page.texts if tag in ("b", "a")]
    for number, name in (("2", "open now"), ("1", "closed"), ("1", "retracted")):
        assert totals[totals.index(name) - 1] == number


def test_what_answers_held_back_and_raised_is_told() -> None:
    window, hostile = Window(NOW - HOUR, NOW), "<script>alert(1)</script>\x1b[31m"
    held = ChosenSighting("ctr", window, hostile, hostile, "others were wanted more", False, "0123456789ab")
    raised = replace(held, headline="nearly", is_raised=True, reason="like it", incident_id=f"{1:012x}")
    assert 'id="chosen"' not in render_report(Report("t", NOW))
    text = render_report(Report("t", NOW, chosen=(held,) * 201 + (raised,)))
    page = Page(text)
    assert "held back others were wanted more" in page.text
    assert "and 2 more" in page.text
    assert "201 held back by answers" in page.text
    assert "\x1b" not in text
    assert page.count("script") == 1
    one = incident()
    for chosen, is_marked in ((replace(raised, incident_id=one.id), True), (replace(held, incident_id=one.id), False)):
        marked = render_report(Report("t", NOW, incidents=(one,), chosen=(chosen,)))
        assert ("raised by answers" in marked) == is_marked

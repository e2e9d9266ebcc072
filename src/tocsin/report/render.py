"""A report as one HTML file that needs nothing else: no network, no server, no script of anybody else's.

Every value is escaped by the templates (autoescape is on and never turned off for data); a Content-Security-Policy
allows only the page's own style and script, named by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tocsin.formatting import (
    format_count,
    format_moment,
    format_number,
    format_window,
    make_visible,
    shorten,
)
from tocsin.model import Incident, IncidentState, Window
from tocsin.report.contents import Report
from tocsin.report.timeline import Span, draw_timeline
from tocsin.report.views import IncidentView, view_incident

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["MAX_CARDS", "MAX_LINES", "render_report", "report_style", "template_environment"]

MAX_CARDS = 50
"""Incidents that are shown in full, those with the highest stake."""
MAX_LINES = 250
"""Incidents after them that have one line each; the rest is counted."""
_N_OPEN_CARDS = 3
_MAX_TITLE = 10_000


@dataclass(frozen=True, slots=True)
class _Total:
    """One of the large numbers at the top."""

    number: str
    name: str
    anchor: str
    level: str = ""


def render_report(report: Report) -> str:
    """Render a report as a self-contained HTML page.

    Parameters
    ----------
    report : Report
        The same report gives the same text.

    Returns
    -------
    str
        HTML; write it as UTF-8. At most `MAX_CARDS` incidents are drawn in full and `MAX_LINES` more listed.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> page = render_report(Report("Ad funnel", datetime(2026, 2, 16, tzinfo=UTC)))
    >>> page.startswith("<!doctype html>")
    True
    """
    from markupsafe import Markup

    zones = {monitor.name: monitor.timezone for monitor in report.monitors}
    incidents = sorted(report.incidents, key=_rank)
    views = [
        view_incident(incident, zones.get(incident.monitor, "UTC"), full=index < MAX_CARDS)
        for index, incident in enumerate(incidents[: MAX_CARDS + MAX_LINES])
    ]
    style, script = report_style(), _own_file("report.js")
    shown_zones = set(zones.values())
    html = (
        template_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            policy=_policy(style, script),
            style=Markup(style),  # noqa: S704 - files of this package, never data
            script=Markup(script),  # noqa: S704
            totals=_totals(report),
            timeline=draw_timeline(_spans(incidents, views), shown_zones.pop() if len(shown_zones) == 1 else "UTC"),
            cards=views[:MAX_CARDS],
            n_open_cards=_N_OPEN_CARDS,
            lines=views[MAX_CARDS:],
            n_more=len(incidents) - len(views),
            shown_ids={view.id for view in views},
            raised_ids={item.incident_id for item in report.chosen if item.is_raised},
        )
    )
    return str(html)


def _rank(incident: Incident) -> tuple[bool, float, datetime, str]:
    """By falling stake; before all others a source that is silent now, because nothing of it is judged meanwhile."""
    is_silent_now = incident.kind == "source silent" and incident.state is IncidentState.OPEN
    stake = incident.stake if math.isfinite(incident.stake) else 0.0
    return not is_silent_now, -stake, incident.first.start, incident.id


def report_style() -> str:
    """The report's style sheet."""
    return _own_file("report.css")


def _own_file(name: str) -> str:
    return (files("tocsin.report") / "templates" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _policy(style: str, script: str) -> str:
    def source(text: str) -> str:
        digest = hashlib.sha256(text.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    own = f"style-src {source(style)}; script-src {source(script)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


@cache  # templates are compiled once a process
def template_environment(*packages: str) -> Environment:
    """The report's templates and filters, and before them the templates of other packages that show the same things."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in (*packages, "tocsin.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "visible": lambda text: shorten(make_visible(str(text)), _MAX_TITLE),
        "brief": lambda text, limit=80: shorten(make_visible(str(text)), limit),
        "number": format_number,
        "count": format_count,
        "moment": format_moment,
        "window": format_window,
        "commands": _split_commands,
    }
    environment.tests["long"] = lambda text, limit: len(make_visible(str(text))) > limit
    return environment


def _split_commands(sentence: str) -> list[tuple[bool, str]]:
    """Pieces of a sentence with whether they stood between backticks."""
    return [(index % 2 == 1, piece) for index, piece in enumerate(re.split(r"`([^`]+)`", sentence)) if piece]


def _totals(report: Report) -> list[_Total]:
    states = Counter(str(incident.state) for incident in report.incidents)
    n_high = sum(incident.severity == "high" and incident.state == "open" for incident in report.incidents)
    n_failed = len(report.failed_deliveries)
    totals: list[_Total] = [
        _Total(format_number(states["open"]), "open now", "incidents", "bad" if n_high else ""),
        _Total(format_number(n_high), "open, high severity", "incidents", "bad" if n_high else ""),
        _Total(format_number(states["closed"]), "closed", "incidents"),
        _Total(format_number(sum(monitor.n_windows for monitor in report.monitors)), "windows evaluated", "monitors"),
    ]
    if states["retracted"]:
        totals.insert(3, _Total(format_number(states["retracted"]), "retracted", "incidents"))
    n_held = sum(not item.is_raised for item in report.chosen)
    if n_held:
        totals.append(_Total(format_number(n_held), "held back by answers", "chosen"))
    if n_failed:
        name = "delivery failed" if n_failed == 1 else "deliveries failed"
        totals.append(_Total(format_number(n_failed), name, "failed", "bad"))
    return totals


def _spans(incidents: list[Incident], views: list[IncidentView]) -> list[Span]:
    return [
        Span(
            anchor=f"incident-{view.id}",
            lane=incident.monitor,
            window=Window(incident.first.start, incident.last.end),
            severity=view.severity,
            label=f"{view.headline} · {view.when}",
        )
        for incident, view in zip(incidents, views, strict=False)
    ]

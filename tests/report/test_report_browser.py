"""The page in a real browser: its own script runs under the policy, nothing else does, no width scrolls the body."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.model import Direction, Incident, IncidentState, Slice, Window
from tocsin.report import MonitorSummary, Report, render_report

NOW = datetime(2026, 2, 16, tzinfo=UTC)
EVIL = (
    "</script><script>document.title='broken in'</script><img src=x onerror=\"document.title='broken in'\">" + "x" * 500
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


def load(address: Path, folder: Path, width: int) -> tuple[str, str]:
    """The document after its scripts have run, and what the browser complained about."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--enable-logging=stderr", f"--window-size={width},900",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", address.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def hostile_page() -> str:
    first = Window(NOW - timedelta(hours=9), NOW - timedelta(hours=8))
    series = [
        {
            "start": (NOW - timedelta(hours=60 - i)).isoformat(),
            "value": i % 7,
            "lower": 1,
            "upper": 5,
            "flagged": i > 50,
        }
        for i in range(60)
    ]
    details = {
        "reasons": [EVIL],
        "series": series,
        "contributions": [{"dimension": EVIL, "value": EVIL, "amount": 1, "expected": 2}],
        "rows": [{"slice": EVIL, "value": 1}],
    }
    incidents = [
        Incident(
            monitor="views", slice=Slice((("app", EVIL),)), kpi="views", direction=Direction.UP,
            state=IncidentState.OPEN, first=first, last=first, severity="high", stake=float(i), anomaly_ids=(),
            headline=EVIL, details=details, id=f"{i:012x}",
        )
        for i in range(10)
    ]  # fmt: skip
    monitor = MonitorSummary(EVIL, EVIL, 168, notes=(EVIL,))
    return render_report(Report("Hostile", NOW, (monitor,), tuple(incidents), next_step=EVIL))


def test_the_own_script_runs_and_no_other(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(hostile_page(), encoding="utf-8")
    document, complaints = load(path, tmp_path, 1200)
    assert complaints == ""
    assert "<title>Hostile</title>" in document
    assert document.count("<script") == 1
    assert "<img" not in document
    # without the script the filter stays hidden
    assert 'class="filter" hidden' in path.read_text(encoding="utf-8")
    assert '<p class="filter">' in document


PROBE = """
for (const details of document.querySelectorAll("details")) details.open = true;
const chart = document.querySelector("figure.chart:not(.timeline) svg");
chart.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true, cancelable: true }));
const said = document.querySelector(".readout").textContent;
parent.postMessage([document.documentElement.scrollWidth <= innerWidth, innerWidth, said].join(" | "), "*");
"""


def test_a_phone_shows_it_without_sideways_scrolling_and_keys_read_the_chart(tmp_path):
    page = re.sub(r"script-src &#39;.*?&#39;", "script-src &#39;unsafe-inline&#39;", hostile_page())
    (tmp_path / "report.html").write_text(page.replace("</body>", f"<script>{PROBE}</script></body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        '<iframe src="report.html" style="width:390px;height:800px;border:0"></iframe><p id="said"></p>'
        "<script>onmessage = (event) => { said.textContent = event.data; };</script>",
        encoding="utf-8",
    )
    document, _ = load(frame, tmp_path, 1200)
    (said,) = re.findall(r'<p id="said">(.*?)</p>', document)
    fits, width, text = said.split(" | ")
    assert (fits, width) == ("true", "390")
    assert text == "Sun 15 Feb 2026, 23:00 to 00:00 UTC: 3 (expected 1 to 5)"

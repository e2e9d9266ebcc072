"""The chart of power: a complete document, everything escaped, the axis up to 100 %."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from tocsin.report import ChartLine, draw_power

SVG = "{http://www.w3.org/2000/svg}"


def test_every_volume_is_a_line_with_its_name_and_unknown_shares_are_gaps():
    lines = [
        ChartLine("30 a day", [0.1, math.nan, 0.6], [0.0, math.nan, 0.5], [0.2, math.nan, 0.7]),
        ChartLine("</text><script>", [0.2, 0.3, 0.4], [0.1] * 3, [0.5] * 3),
    ]
    text = draw_power([0.1, 0.5, 2.0], lines, kind="centralised")
    root = ET.fromstring(text)  # noqa: S314  our own text
    assert "<script" not in text
    said = " ".join(root.itertext())
    assert "30 a day" in said
    assert "</text><script>" in said
    assert "100 %" in said
    assert "centralised" in root.find(f"{SVG}title").text
    paths = [path.get("d") for path in root.iter(f"{SVG}path")]
    assert [path.count("M") for path in paths] == [2, 1]
    assert len(list(root.iter(f"{SVG}circle"))) == 5

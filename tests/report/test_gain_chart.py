"""The chart of gain against budget: a valid SVG document whose names cannot be markup."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tocsin.report import GainLine, draw_gain

SVG = "{http://www.w3.org/2000/svg}"
NAN = float("nan")


def drawn(budgets, lines):
    return ElementTree.fromstring(draw_gain(budgets, lines))  # noqa: S314 (our own document)


def line(name="ConOut", gain=(0.1, 0.2, 0.3), spread=0.01):
    return GainLine(name, gain, [value - spread for value in gain], [value + spread for value in gain])


def test_marks_rise_with_gain_and_budget():
    root = drawn((500, 1000, 2500), [line()])
    marks = [(float(mark.get("cx")), float(mark.get("cy"))) for mark in root.iter(f"{SVG}circle")]
    assert marks == sorted(marks)
    assert [y for _, y in marks] == sorted((y for _, y in marks), reverse=True)
    width, height = (float(root.get(name)) for name in ("width", "height"))
    assert all(0 < x < width and 0 < y < height for x, y in marks)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"500", "1,000", "2,500", "ConOut", "budget"} <= set(texts)
    (title, *_), said = root.iter(f"{SVG}desc"), [mark.find(f"{SVG}title").text for mark in root.iter(f"{SVG}circle")]
    assert title.text == "ConOut: 10 % to 30 %"
    assert said[0] == "ConOut, 500: 10 %"


def test_names_are_told_apart_even_where_lines_meet():
    root = drawn((500, 1000), [line(f"detector {k}", (0.1, 0.1)) for k in range(8)])
    places = [float(t.get("y")) for t in root.iter(f"{SVG}text") if (t.text or "").startswith("detector")]
    assert len(places) == 8
    gaps = [after - before for before, after in zip(sorted(places), sorted(places)[1:], strict=False)]
    assert min(gaps) >= 16
    assert min(places) > 0
    assert max(places) < float(root.get("height"))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><b>', "a\x1b[2J\nb", "x" * 500, "&amp;"])
def test_hostile_names(name):
    text = draw_gain((500, 1000), [line(name, (0.1, 0.2))])
    root = ElementTree.fromstring(text)  # noqa: S314
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "text", "line", "g", "path", "circle")
    }
    assert "\x1b" not in text
    assert max(len(t.text or "") for t in root.iter(f"{SVG}text")) < 60


def test_missing_negative_single_and_no_values():
    root = drawn((500, 1000, 1500), [line(gain=(NAN, -0.2, NAN))])
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert len(list(drawn((700,), [line(gain=(0.0,))]).iter(f"{SVG}circle"))) == 1
    assert not list(drawn((500, 1000), [line(gain=(NAN, NAN))]).iter(f"{SVG}circle"))
    assert not list(drawn((500, 1000), []).iter(f"{SVG}circle"))

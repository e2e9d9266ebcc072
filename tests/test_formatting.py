"""Numbers, times and foreign text as people read them."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.formatting import (
    NOTHING,
    format_change,
    format_count,
    format_day,
    format_interval,
    format_moment,
    format_number,
    format_p,
    format_ratio,
    format_slice,
    format_value,
    format_window,
    make_visible,
    shorten,
)
from tocsin.model import Slice, Window

SUFFIX = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def read(text: str) -> float:
    """The number that a text says."""
    text = text.replace(",", "")
    return float(text[:-1]) * SUFFIX[text[-1]] if text[-1] in SUFFIX else float(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (842, "842"),
        (9_870, "9,870"),
        (9_999.4, "9,999"),
        (9_999.6, "10k"),
        (12_412, "12.4k"),
        (99_960, "100k"),
        (999_950, "1M"),
        (-1_250_000, "-1.25M"),
        (3.2e9, "3.2B"),
        (4.56e12, "4.56T"),
        (1e15, "1e15"),
        (0.03812, "0.0381"),
        (0.000012, "1.2e-5"),
        (-0.5, "-0.5"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (math.nan, NOTHING),
        (None, NOTHING),
    ],
)
def test_numbers(value, text):
    assert format_number(value) == text


@given(st.floats(min_value=-1e14, max_value=1e14).filter(lambda v: v == 0 or abs(v) > 1e-200))
def test_a_number_is_right_to_three_digits(value):
    # half a unit of the third digit, or of a whole number
    assert read(format_number(value)) == pytest.approx(value, rel=0.00501)


@given(st.floats(min_value=1e-3, max_value=90))
def test_a_ratio_is_right_to_two_digits(value):
    assert read(format_ratio(value).removesuffix(" %")) / 100 == pytest.approx(value, rel=0.0501)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00812, "0.81 %"),
        (0.008, "0.8 %"),
        (0.62, "62 %"),
        (0.096, "9.6 %"),
        (0.0997, "10 %"),
        (1.034, "103 %"),
        (-0.05, "-5 %"),
        (250, "25k %"),
        (1e-7, "1e-5 %"),
        (0, "0 %"),
        (math.nan, NOTHING),
        (math.inf, "∞"),
    ],
)
def test_ratios(value, text):
    assert format_ratio(value) == text
    assert format_value(value, "ratio") == text


@pytest.mark.parametrize(
    ("lower", "upper", "unit", "text"),
    [
        (0.0187, 0.0243, "ratio", "1.9 to 2.4 %"),
        (0.053, 0.0801, "ratio", "5.3 to 8.0 %"),
        (0, 0.0021, "ratio", "0 to 0.21 %"),
        (0.0187, 0.0188, "ratio", "1.87 to 1.88 %"),
        (0.4, 0.4, "ratio", "40 %"),
        (0.14, 0.24, "ratio", "14 to 24 %"),
        (11_204, 13_870, "amount", "11.2k to 13.9k"),
        (123_400, 123_460, "amount", "123.4k to 123.5k"),
        (5, 5, "amount", "5"),
        (None, 12, "amount", "at most 12"),
        (3, math.inf, "amount", "at least 3"),
        (math.nan, 0.5, "ratio", "at most 50 %"),
        (None, math.nan, "amount", NOTHING),
    ],
)
def test_intervals(lower, upper, unit, text):
    assert format_interval(lower, upper, unit) == text


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["ratio", "amount"]))
def test_an_interval_never_says_that_different_ends_are_far_apart_or_swapped(one, other, unit):
    lower, upper = sorted((one, other))
    ends = format_interval(lower, upper, unit).removesuffix(" %").split(" to ")
    assert read(ends[0]) <= read(ends[-1])


@pytest.mark.parametrize(
    ("value", "expected", "text"),
    [
        (0.008, 0.021, "down 62 %"),
        (410, 100, "up 310 %"),
        (50_000, 100, "up 500-fold"),
        (0, 10, "down 100 %"),
        (0.03, 10, "down 99.7 %"),
        (0.0001, 10, "down over 99.9 %"),
        (7, 0, "up from 0"),
        (3, 3, "as expected"),
        (math.nan, 3, NOTHING),
        (3, math.nan, NOTHING),
        (None, None, NOTHING),
    ],
)
def test_changes(value, expected, text):
    assert format_change(value, expected) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.2345, "0.23"), (0.0123, "0.012"), (1.0, "1"), (2.31e-6, "2.3e-6"), (0.0, "< 1e-300"), (math.nan, NOTHING)],
)
def test_p_values(p, text):
    assert format_p(p) == text


def test_counts():
    assert format_count(1, "window") == "1 window"
    assert format_count(0, "window") == "0 windows"
    assert format_count(12_000, "entry", "entries") == "12k entries"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "zone", "text"),
    [
        (at(2026, 1, 5, 14), at(2026, 1, 5, 15), "UTC", "Mon 5 Jan 2026, 14:00 to 15:00 UTC"),
        (at(2026, 1, 5, 23), at(2026, 1, 6), "UTC", "Mon 5 Jan 2026, 23:00 to 00:00 UTC"),
        (at(2026, 1, 5), at(2026, 1, 6), "UTC", "Mon 5 Jan 2026 (UTC)"),
        (at(2026, 1, 5), at(2026, 1, 12), "UTC", "Mon 5 Jan to Sun 11 Jan 2026 (UTC)"),
        (at(2025, 12, 29), at(2026, 1, 5), "UTC", "Mon 29 Dec 2025 to Sun 4 Jan 2026 (UTC)"),
        (at(2026, 1, 5, 20), at(2026, 1, 6, 3), "UTC", "Mon 5 Jan 2026, 20:00 to Tue 6 Jan 2026, 03:00 UTC"),
        (at(2026, 1, 4, 23), at(2026, 1, 5, 23), "Europe/Berlin", "Mon 5 Jan 2026 (CET)"),
        # a local day of 23 hours
        (at(2026, 3, 28, 23), at(2026, 3, 29, 22), "Europe/Berlin", "Sun 29 Mar 2026 (CET)"),
        (at(2026, 1, 5, 3), at(2026, 1, 6, 3), "America/Sao_Paulo", "Mon 5 Jan 2026 (America/Sao_Paulo)"),
    ],
)
def test_windows(start, end, zone, text):
    assert format_window(Window(start, end), zone) == text


def test_moments():
    assert format_moment(at(2026, 7, 1, 12, 30)) == "Wed 1 Jul 2026, 12:30 UTC"
    assert format_moment(at(2026, 7, 1, 12, 30, 5), "Europe/Berlin") == "Wed 1 Jul 2026, 14:30:05 CEST"
    assert format_day(at(2026, 7, 1, 23), "Asia/Tokyo") == "Thu 2 Jul 2026"


def test_slices():
    assert format_slice(Slice((("country", "DE"), ("app", "app 7")))) == "country DE x app 7"
    assert format_slice(Slice((("app", "app"),))) == "app app"
    assert format_slice(Slice((("app", ""),))) == "app (empty)"
    assert format_slice(Slice()) == "everything"
    assert len(format_slice(Slice((("a" * 10_000, "b" * 10_000),)))) < 130


@given(st.text(st.characters(), max_size=60))
def test_nothing_hides_in_visible_text(text):
    shown = make_visible(text)
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert all(unicodedata.category(c) not in hidden or c in "\u200c\u200d" for c in shown)
    shown.encode("utf-8")
    if text.isprintable() and text.isascii():
        assert shown == text


def test_hidden_characters_have_signs():
    assert make_visible("a\nb\tc\x00\x7f\u202e\ud800") == "a↵b⇥c[U+0000][U+007F][U+202E][U+D800]"
    family = "👩\u200d👩\u200d👧"
    assert make_visible(family) == family


@given(st.text(max_size=200), st.integers(4, 60))
def test_shortened_text_is_a_beginning_within_the_limit(text, limit):
    short = shorten(text, limit)
    assert len(short) <= limit
    if len(text) <= limit:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


def test_joined_characters_stay_together():
    family = "👩\u200d👩\u200d👧"
    assert shorten("abcdefgh" + family + "ijk", 12) == "abcdefgh…"
    assert shorten("abcdefgh" + "e\u0301" * 4, 12)[-2] != "e"


def test_duration_of_a_window_does_not_matter():
    start = at(2026, 1, 5, 14)
    assert format_window(Window(start, start + timedelta(minutes=5))) == "Mon 5 Jan 2026, 14:00 to 14:05 UTC"

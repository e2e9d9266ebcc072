"""Numbers, ratios, intervals, times and foreign text as people read them; the one place where they are worded.

Plain text, independent of the locale, not escaped for any markup. What cannot be shown (None, NaN) is an en dash.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.model import Slice, Window

__all__ = [
    "NOTHING",
    "format_change",
    "format_count",
    "format_day",
    "format_interval",
    "format_moment",
    "format_number",
    "format_p",
    "format_ratio",
    "format_slice",
    "format_value",
    "format_window",
    "make_visible",
    "shorten",
    "spreadsheet_text",
]

NOTHING = "–"
"""Stands for a value that is missing."""

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_PLAIN_LIMIT = 9_999.5
"""Below this a number is written out, above it shortened: 9,870 but 12.4k."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""What a spreadsheet takes for the beginning of a formula or a command."""
_JOINERS = "\u200c\u200d"
_WHITE = {"\n": "↵", "\r": "↵", "\t": "⇥"}


def format_number(value: float | None, digits: int = 3) -> str:
    """A number to about `digits` significant digits; large ones with k, M, B or T.

    Parameters
    ----------
    value : float or None
        None and NaN give an en dash.
    digits : int
        Significant digits kept, at least 1; whole numbers up to 9,999 are always exact.

    Examples
    --------
    >>> [format_number(value) for value in (12_412, 9_870, 0.03812, -1_250_000, float("nan"))]
    ['12.4k', '9,870', '0.0381', '-1.25M', '–']
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size < _PLAIN_LIMIT:
        return _plain(value, digits)
    if size >= 1e15:
        return _scientific(value, digits)
    divisor, suffix = next(item for item in _SUFFIXES if float(f"{size:.{digits}g}") >= item[0])
    return _fixed(value / divisor, _decimals(value / divisor, digits)) + suffix


def format_ratio(value: float | None, digits: int = 2) -> str:
    """A ratio as percent, to at least `digits` significant digits.

    Examples
    --------
    >>> [format_ratio(value) for value in (0.00812, 0.62, 0.02, 1.034, 0.0)]
    ['0.81 %', '62 %', '2 %', '103 %', '0 %']
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return format_number(value)
    return f"{_percent(value, _decimals(100 * value, digits))} %"


def format_value(value: float | None, unit: str) -> str:
    """A KPI's value: percent where `unit` is "ratio", else a number."""
    return format_ratio(value) if unit == "ratio" else format_number(value)


def format_interval(lower: float | None, upper: float | None, unit: str = "amount") -> str:
    """An interval with both ends in the same number of decimals, enough to tell them apart.

    Parameters
    ----------
    lower, upper : float or None
        A missing or infinite end leaves the interval open.
    unit : {"ratio", "amount"}

    Examples
    --------
    >>> format_interval(0.0187, 0.0243, "ratio"), format_interval(11_204, 13_870), format_interval(None, 12)
    ('1.9 to 2.4 %', '11.2k to 13.9k', 'at most 12')
    """
    low = lower if lower is not None and math.isfinite(lower) else None
    high = upper if upper is not None and math.isfinite(upper) else None
    if low is None and high is None:
        return NOTHING
    if low is None:
        return f"at most {format_value(high, unit)}"
    if high is None:
        return f"at least {format_value(low, unit)}"
    if unit == "ratio":
        return _percent_interval(low, high)
    texts = (format_number(low), format_number(high))
    for digits in (4, 5, 6):
        if texts[0] != texts[1] or low == high:
            break
        texts = (format_number(low, digits), format_number(high, digits))
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def format_change(value: float | None, expected: float | None) -> str:
    """How far a value is from what was expected, as words.

    Examples
    --------
    >>> format_change(0.008, 0.021), format_change(410, 100), format_change(7, 0), format_change(3, 3)
    ('down 62 %', 'up 310 %', 'up from 0', 'as expected')
    """
    if value is None or expected is None or math.isnan(value) or math.isnan(expected):
        return NOTHING
    if value == expected:
        return "as expected"
    word = "up" if value > expected else "down"
    if expected == 0 or not math.isfinite(value - expected):
        return f"{word} from {format_number(expected)}"
    change = abs(value - expected) / abs(expected)
    if change >= 100:
        return f"{word} {format_number(value / expected)}-fold"
    text = format_ratio(change)
    if text == "100 %" and change < 1:  # "down 100 %" is said of nothing left alone
        text = format_ratio(change, 3) if change < 0.9995 else "over 99.9 %"
    return f"{word} {text}"


def format_p(p: float | None) -> str:
    """A p-value or q-value.

    Examples
    --------
    >>> [format_p(p) for p in (0.2345, 0.0123, 0.00000231, 0.0)]
    ['0.23', '0.012', '2.3e-6', '< 1e-300']
    """
    if p is None or math.isnan(p):
        return NOTHING
    if p < 1e-300:
        return "< 1e-300"
    return _plain(p, 2) if p >= 0.001 else _scientific(p, 2)


def format_count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> format_count(1, "window"), format_count(12_000, "slice"), format_count(0, "entry", "entries")
    ('1 window', '12k slices', '0 entries')
    """
    return f"{format_number(n)} {noun if n == 1 else plural or noun + 's'}"


def format_day(moment: datetime, timezone: str = "UTC") -> str:
    """The day of a moment in a time zone: "Mon 5 Jan 2026"."""
    return _day(moment.astimezone(ZoneInfo(timezone)))


def format_moment(moment: datetime, timezone: str = "UTC") -> str:
    """A moment in a time zone: "Mon 5 Jan 2026, 14:00 UTC" (seconds only where there are any)."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{_day(local)}, {_clock(local)} {_zone(local, timezone)}"


def format_window(window: Window, timezone: str = "UTC") -> str:
    """A window [start, end) in a time zone; whole days are named by their first and last day.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> format_window(Window(datetime(2026, 1, 5, 14, tzinfo=UTC), datetime(2026, 1, 5, 15, tzinfo=UTC)))
    'Mon 5 Jan 2026, 14:00 to 15:00 UTC'
    >>> format_window(Window(datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC)))
    'Mon 5 Jan to Sun 11 Jan 2026 (UTC)'
    """
    zone = ZoneInfo(timezone)
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    if _is_midnight(start) and _is_midnight(end):
        last = (end.replace(tzinfo=None) - timedelta(days=1)).replace(tzinfo=zone)
        first = _day(start) if start.year != last.year else _day(start).rsplit(" ", 1)[0]
        days = _day(start) if start.date() == last.date() else f"{first} to {_day(last)}"
        return f"{days} ({_zone(start, timezone)})"
    same_day = start.date() == end.date() or (_is_midnight(end) and end - start <= timedelta(days=1))
    finish = _clock(end) if same_day else f"{_day(end)}, {_clock(end)}"
    return f"{_day(start)}, {_clock(start)} to {finish} {_zone(start, timezone)}"


def format_slice(part: Slice) -> str:
    """A slice for people, made visible and shortened, not escaped: "country DE x app 7".

    A value that begins with its dimension's name stands alone: "app 7", not "app app 7".
    """
    words = []
    for name, value in part.items:
        shown = shorten(make_visible(value), 80) or "(empty)"
        named = value.casefold().startswith(name.casefold()) and len(value) > len(name)
        words.append(shown if named else f"{shorten(make_visible(name), 40)} {shown}")
    return " x ".join(words) or "everything"


def make_visible(text: str) -> str:
    """Text in one line in which nothing hides: control, bidirectional and invisible characters are shown by a sign.

    Examples
    --------
    >>> make_visible("two\\nlines")
    'two↵lines'
    >>> make_visible("\\u202eexe.txt")
    '[U+202E]exe.txt'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def shorten(text: str, limit: int = 80) -> str:
    """At most `limit` characters, the last one an ellipsis where something was cut; joined characters stay together."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > limit // 2 and (text[end] in _JOINERS or text[end - 1] in _JOINERS or unicodedata.combining(text[end])):
        end -= 1
    return text[:end].rstrip() + "…"


def spreadsheet_text(text: str) -> str:
    """The text of a CSV cell: one that a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def _visible_character(character: str) -> str:
    if character in _WHITE:
        return _WHITE[character]
    # Cc control, Cf format (bidi overrides, zero width), Cs lone surrogates, Zl and Zp line and paragraph separators
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS:
        return f"[U+{ord(character):04X}]"
    return character


def _decimals(value: float, digits: int) -> int:
    """How many decimals show `digits` significant digits of `value` once it is rounded to them."""
    if value == 0 or math.isinf(value):
        return 0
    return max(0, digits - 1 - int(f"{abs(value):.{digits - 1}e}".partition("e")[2]))


def _fixed(value: float, decimals: int) -> str:
    """With separators, without trailing zeros and without a minus before zero."""
    text = f"{value:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _plain(value: float, digits: int) -> str:
    if 0 < abs(value) < 1e-4:
        return _scientific(value, digits)
    return _fixed(value, _decimals(value, digits))


def _scientific(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def _percent(value: float, decimals: int) -> str:
    percent = 100 * value
    if 0 < abs(percent) < 1e-4:
        return _scientific(percent, 2)
    return format_number(percent) if abs(percent) >= _PLAIN_LIMIT else _fixed(percent, decimals)


def _percent_interval(low: float, high: float) -> str:
    decimals = _decimals(100 * max(abs(low), abs(high)), 2)
    while decimals < 6 and low != high and _percent(low, decimals) == _percent(high, decimals):
        decimals += 1
    texts = [_percent(low, decimals), _percent(high, decimals)]
    if texts[0] == texts[1]:
        return f"{texts[0]} %"
    if "." in texts[0] or "." in texts[1]:  # 5.3 to 8.0, but 0 to 0.2
        texts = [_pad(text, decimals) for text in texts]
    return f"{texts[0]} to {texts[1]} %"


def _pad(text: str, decimals: int) -> str:
    """Put trailing zeros back; a plain 0 and shortened numbers stay."""
    whole, _, fraction = text.partition(".")
    if text == "0" or not text[-1].isdigit() or "e" in text or not decimals:
        return text
    return f"{whole}.{fraction.ljust(decimals, '0')}"


def _day(local: datetime) -> str:
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def _zone(local: datetime, timezone: str) -> str:
    """The abbreviation where the zone has one (CET), else its name: "+03" says less than "America/Sao_Paulo"."""
    name = local.tzname()
    return name if name and name[0].isalpha() else timezone


def _is_midnight(local: datetime) -> bool:
    return local.hour == local.minute == local.second == local.microsecond == 0

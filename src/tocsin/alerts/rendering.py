"""An alert's payload as text for people, with the data's values made harmless for each kind of channel.

A value may have been written by the very party that an alert is about. So no value can format, link, mention or break
a line: first every hidden character is shown (`make_visible`) and the text is cut; then what starts a mention or a link
is parted by a zero-width space; then the dialect's own characters are escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from tocsin.formatting import (
    format_count,
    format_interval,
    format_slice,
    format_value,
    format_window,
    make_visible,
    shorten,
)
from tocsin.model import Change, Slice, Window

__all__ = ["Dialect", "escape", "render_text"]

Dialect = Literal["plain", "markdown", "html"]
"""plain: PagerDuty, SMS and whatever else; markdown: CommonMark, which Apprise turns into what Slack, Google Chat and
Teams each understand; html: e-mail."""

LONGEST_SENTENCE = 400

_GAP = "\u200b"
_STARTERS = re.compile(
    r"(?<=:)(?=//)|(?<=@)|(?<=<)(?=[!@#])|(?<=\bwww)(?=\.)|(?<=\bmailto)(?=:)|(?<=\btel)(?=:)", re.IGNORECASE
)
"""Where a link or a mention would begin: @everyone, <!channel>, https://…, www.…"""

_LOOKALIKES = str.maketrans({"\\": "\u2216", "*": "\u2217", "~": "\u223c", "`": "\u02cb"})
"""Slack and Google Chat have no escape for their formatting characters, so that these are replaced."""
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""An underscore inside a word (app_7) formats nothing anywhere and stays as it is."""
_STRUCTURE = re.compile(r"([<>\[\]()!#])")

_PREFIX = {
    Change.OPENED.value: "",
    Change.UPDATED.value: "Changed: ",
    Change.CLOSED.value: "Over: ",
    Change.RETRACTED.value: "Taken back: ",
}


def escape(text: str, dialect: Dialect) -> str:
    """Foreign text that shows as itself, in one line, and does nothing.

    Examples
    --------
    >>> escape("<b>*bold*</b>", "html"), escape("app_7 *bold*", "markdown")
    ('&lt;b&gt;*bold*&lt;/b&gt;', 'app_7 ∗bold∗')
    """
    inert = _STARTERS.sub(_GAP, make_visible(text))
    if dialect == "html":
        return html.escape(inert, quote=True)
    if dialect == "markdown":
        return _STRUCTURE.sub(r"\\\1", _OUTER_UNDERSCORE.sub("\uff3f", inert.translate(_LOOKALIKES)))
    return inert


def render_text(payload: Mapping[str, Any], dialect: Dialect) -> tuple[str, str]:
    """Title and body of an alert: the headline; the reasons, at most five rows, the window, and where to read on."""
    title = escape(_PREFIX.get(payload["change"], "") + shorten(payload["headline"], LONGEST_SENTENCE), dialect)
    reasons = [escape(shorten(reason, LONGEST_SENTENCE), dialect) for reason in payload["reasons"]]
    rows = [escape(_row(row, payload["unit"]), dialect) for row in payload["rows"]]
    if payload["n_more"]:
        rows.append(escape(f"{format_count(payload['n_more'], 'more slice')}", dialect))
    bounds = (datetime.fromisoformat(payload["window"][name]) for name in ("start", "end"))
    place = escape(
        f"{format_window(Window(*bounds))} · monitor {payload['monitor']} · severity {payload['severity']}", dialect
    )
    page = payload["links"]["page"]
    why = payload["links"]["why"]
    if dialect == "html":
        return title, _html(title, [reasons, rows], place, why, page)
    links = [f"Why: {why}"]
    if page is not None:
        links.append(f"[Open the incident]({page})" if dialect == "markdown" else f"Page: {page}")
    blocks = ["\n".join(f"- {line}" for line in lines) for lines in (reasons, rows) if lines]
    return title, "\n\n".join([*blocks, place, *links])


def _row(row: Mapping[str, Any], unit: str) -> str:
    part = format_slice(Slice(tuple(row["slice"].items())))
    interval = format_interval(row["lower"], row["upper"], unit)
    return f"{part}: {format_value(row['actual'], unit)} (expected {interval})"


def _html(title: str, lists: list[list[str]], place: str, why: str, page: str | None) -> str:
    parts = [f"<p><strong>{title}</strong></p>"]
    parts += ["<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>" for lines in lists if lines]
    parts += [f"<p>{place}</p>", f"<p>Why: <code>{html.escape(why)}</code></p>"]
    if page is not None:
        parts.append(f'<p><a href="{html.escape(page, quote=True)}">Open the incident</a></p>')
    return "\n".join(parts)

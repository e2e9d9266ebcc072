"""An answer as it comes in, checked; what it changed, as sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tocsin.config import Settings
from tocsin.effect import Changed, Withdrawal, change_by_answer
from tocsin.errors import InputError, nearest
from tocsin.formatting import format_count, make_visible
from tocsin.model import Feedback, Verdict
from tocsin.store import Store
from tocsin.web.reading import DAYS, Said, said_of

__all__ = ["MOST_AUTHOR", "MOST_COMMENT", "Answered", "Conflict", "Unknown", "answer", "author_of", "require_id"]

MOST_COMMENT, MOST_AUTHOR = 2_000, 100
_ID = re.compile(r"[0-9a-f]{12}")


class Unknown(InputError):
    """Nothing is stored under an id."""


class Conflict(InputError):
    """There is no answer to take back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was stored or taken back.

    others : what other people have said about the same
    """

    changed: Changed
    undone: bool
    others: tuple[Said, ...]
    decides: Said | None

    def sentences(self) -> list[str]:
        """For people."""
        given = self.changed.answer
        verb = "Taken back" if self.undone else "Stored"
        parts = [f"{self.changed.n_held} more would have been held back"] if self.changed.n_held else []
        parts += [f"{self.changed.n_rung} more would have rung"] if self.changed.n_rung else []
        span = f"the alerts of the last {DAYS:g} days"
        effect = f"of {span}, " + ", and ".join(parts) if parts else f"it changes nothing of {span}"
        told = [f"{verb}: {given.verdict.value}; {effect}."]
        other = [one for one in self.others if one.verdict != given.verdict.value or self.undone]
        if other and self.decides is not None:
            said = "; ".join(f"{one.author or 'somebody'} said {one.verdict} ({one.when})" for one in other[:3])
            more = f"; and {format_count(len(other) - 3, 'other')}" if len(other) > 3 else ""
            told.append(f"{said}{more}. The latest answer that takes a side decides: {self.decides.verdict}.")
        return told


def require_id(text: str) -> str:
    """A whole id; raises `InputError`."""
    if not _ID.fullmatch(text):
        raise InputError("An id cannot be read", allowed="12 hexadecimal digits", got=text)
    return text


def author_of(text: str) -> str:
    """A name without white space around it, all of it visible, so that no two look alike; raises `InputError`."""
    name = text.strip()
    if not (name.isprintable() and 1 <= len(name) <= MOST_AUTHOR):
        allowed = f"a name of 1 to {MOST_AUTHOR} visible characters"
        raise InputError("An answer has an author", allowed=allowed, got=make_visible(name[:MOST_AUTHOR]))
    return name


def answer(settings: Settings, store: Store, fields: Mapping[str, str], now: datetime, *, undo: bool) -> Answered:
    """Store an answer, or take the author's last one back.

    Parameters
    ----------
    fields : subject, author; without `undo` also verdict, and where there is one a comment

    Raises
    ------
    InputError : a field that is missing or not allowed
    Unknown : no such subject
    Conflict : no answer to take back
    StoreError
    """
    subject, author = require_id(fields.get("subject", "")), author_of(fields.get("author", ""))
    if undo:
        given: Feedback | Withdrawal = Withdrawal(subject, author, now)
    else:
        verdict, comment = fields.get("verdict", ""), fields.get("comment", "").strip()
        if verdict not in list(Verdict):
            known = [one.value for one in Verdict]
            hint = nearest(verdict, known)
            raise InputError("An answer has a verdict", allowed=", ".join(known), got=verdict, hint=hint)
        if len(comment) > MOST_COMMENT:
            raise InputError("A comment is too long", allowed=f"{MOST_COMMENT:,} characters", got=len(comment))
        given = Feedback(subject, Verdict(verdict), now, author, comment)
    try:
        changed = change_by_answer(settings, store, given, days=DAYS)
    except InputError as error:
        if undo:
            raise Conflict(f"{author} has no answer about this to take back", got=subject) from error
        hint = "late data took it back, or retention deleted it"
        raise Unknown("Nothing is stored under this id", got=subject, hint=hint) from error
    said = said_of(store.feedback(subject_id=changed.answer.subject_id))
    return Answered(
        changed=changed,
        undone=undo,
        others=tuple(one for one in said if one.author != author),
        decides=next((one for one in said if one.decides), None),
    )

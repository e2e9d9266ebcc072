"""What all pages share: settings, the store for the time of one request, the door, short notices."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import Request

from tocsin.config import Settings
from tocsin.errors import InputError
from tocsin.store import Store
from tocsin.web.door import Door
from tocsin.web.guard import BODY
from tocsin.web.kinds import Kinds
from tocsin.web.reading import DAYS

__all__ = ["Desk", "form_of"]

PATIENCE_SECONDS = 5.0
"""Who answers while a run writes waits so long, and is then told to try again."""
MOST_NOTICES = 500
MOST_FIELDS = 20


class Desk:
    """One a server.

    Parameters
    ----------
    clock : the present, aware
    """

    def __init__(self, settings: Settings, door: Door, clock: Callable[[], datetime]) -> None:
        self.settings, self.door, self.clock = settings, door, clock
        self.kinds = Kinds(days=DAYS)
        self._notices: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def store(self) -> AbstractContextManager[Store]:
        """Opened anew for each request: a file that was moved away or replaced is not written to any more."""
        settings = self.settings
        return Store.open(settings.store.url, base=settings.base, patience_seconds=PATIENCE_SECONDS)

    def keep_notice(self, sentences: Sequence[str]) -> str:
        """A key under which the next page finds these sentences."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._notices[key] = tuple(sentences)
            while len(self._notices) > MOST_NOTICES:
                self._notices.popitem(last=False)
        return key

    def notice(self, key: str) -> tuple[str, ...]:
        """What was kept under the key; nothing where it is unknown or gone."""
        return self._notices.get(key, ())


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; raises `InputError`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InputError("A form", allowed="application/x-www-form-urlencoded", got=kind)
    try:
        text = request.scope[BODY].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise InputError("A form cannot be read", allowed=f"at most {MOST_FIELDS} fields, percent-encoded") from None
    return dict(pairs)

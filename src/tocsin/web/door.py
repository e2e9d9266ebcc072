"""Who may come in, and whether a form was written by this server.

A token, where there is one, comes from the environment. A person gives it once in a form and gets a session, which
lives in this process; a program sends it as ``Authorization: Bearer``. A form carries a code that only this server can
make, of the session where there is one, so that no other site can fill it in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

__all__ = ["AUTHOR_COOKIE", "SESSION_COOKIE", "SESSION_SECONDS", "Door"]

SESSION_COOKIE, AUTHOR_COOKIE = "tocsin_session", "tocsin_author"
SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 1_000


class Door:
    """Sessions and the codes of forms.

    Parameters
    ----------
    token : what lets people in; None: everybody who reaches the server
    clock : seconds that only rise
    """

    def __init__(self, token: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = None if token is None else _digest(token)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_locked(self) -> bool:
        """Whether a token is asked for."""
        return self._digest is not None

    def lets_in(self, authorization: str, cookies: Mapping[str, str]) -> bool:
        """By a Bearer token or by a session."""
        if self._digest is None:
            return True
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and self._is_token(token.strip()):
            return True
        with self._lock:
            return self._sessions.get(cookies.get(SESSION_COOKIE, ""), -1.0) > self._clock()

    def sign_in(self, token: str) -> str | None:
        """A new session; None where the token is wrong."""
        if not self._is_token(token):
            return None
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[session] = self._clock() + SESSION_SECONDS
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def sign_out(self, session: str) -> None:
        """The session lets nobody in any more."""
        with self._lock:
            self._sessions.pop(session, None)

    def form_code(self, session: str) -> str:
        """What a form carries that is shown to a session ("" where there is none)."""
        return hmac.new(self._key, session.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def is_own_form(self, session: str, code: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.form_code(session).encode(), code.encode("utf-8", "surrogatepass"))

    def _is_token(self, token: str) -> bool:
        return self._digest is not None and hmac.compare_digest(self._digest, _digest(token))


def _digest(token: str) -> bytes:
    """Of equal length for all tokens, so that comparing tells nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

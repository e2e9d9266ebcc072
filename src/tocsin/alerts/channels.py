"""How one alert reaches one channel: a folder, a webhook, or a service that Apprise speaks to.

A webhook (json:// or jsons://, with Apprise's options) is sent by this module, because Apprise would wrap title and
body in a JSON of its own: here the request's body is the alert's payload, and its `Idempotency-Key` header the
payload's id. All else goes through Apprise's public interface, with the text in the dialect that the service
understands.

No URL leaves this module: errors carry a status or the name of an exception, and what Apprise and urllib3 log while
sending is held back, since it quotes tokens.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from tocsin.alerts.rendering import Dialect, render_text
from tocsin.config import ChannelSettings
from tocsin.errors import DeliveryError
from tocsin.model import Change

__all__ = ["Refused", "send"]

TIMEOUT_SECONDS = 10.0
MESSAGE_STATUSES = frozenset({400, 409, 410, 411, 413, 414, 415, 422})
"""HTTP statuses that speak of this message and not of the channel: the next message may well be accepted."""

MARKDOWN_SERVICES = ("NotifySlack", "NotifyGoogleChat", "NotifyWorkflows", "NotifyMSTeams")
OVER = (Change.CLOSED.value, Change.RETRACTED.value)


class Refused(DeliveryError):
    """The channel works and did not accept this message."""


def send(channel: ChannelSettings, payload: Mapping[str, Any], base: Path) -> None:
    """Deliver one payload; raises `DeliveryError`, `Refused` where only this message is at fault.

    Parameters
    ----------
    base : Path
        The folder that a file channel's path starts from.
    """
    if channel.path is not None:
        _write_file(base / channel.path, payload)
    elif channel.url is not None:
        with _held_back_logs() as logs:
            _send_by_url(channel.url.get_secret_value(), payload, logs)


def _write_file(folder: Path, payload: Mapping[str, Any]) -> None:
    """One file an alert, named by its id, so that writing it again changes nothing; complete or absent."""
    partial = folder / f".{payload['id']}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeliveryError(f"The alert's folder cannot be used: {error.strerror}") from None
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(payload, file, indent=2, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / f"{payload['id']}.json")
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DeliveryError(f"The alert could not be written: {error.strerror}") from None


def _send_by_url(url: str, payload: Mapping[str, Any], logs: _Logs) -> None:
    from apprise import Apprise, AppriseAsset

    # no pictures from somebody's server in our messages, and our own name in them
    asset = AppriseAsset(
        app_id="tocsin", app_desc="tocsin", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )
    service = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise DeliveryError("The channel's URL is none that Apprise understands", hint="see docs/reference/alerts.md")
    if type(service).__name__ == "NotifyJSON":
        _post(service, payload)
        return
    apprise = Apprise(asset=asset)
    apprise.add(service)
    try:
        delivered = bool(apprise.notify(**_message(service, payload)))
    except Exception as error:
        raise DeliveryError(f"The service could not be used ({type(error).__name__})") from None
    if not delivered:
        _raise_for(logs.status())


def _message(service: Any, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of Apprise's `notify`, and what else the service can be told."""
    from apprise import NotifyFormat, NotifyType

    name = type(service).__name__
    over = payload["change"] in OVER
    kind = NotifyType.SUCCESS if over else NotifyType.FAILURE if payload["severity"] == "high" else NotifyType.WARNING
    if name in MARKDOWN_SERVICES:
        # the headline goes into the body: a title is escaped by some of them and formatted by others
        title, body = render_text(payload, "markdown")
        return {
            "title": "",
            "body": f"**{title}**\n\n{body}",
            "body_format": NotifyFormat.MARKDOWN,
            "notify_type": kind,
        }
    dialect: Dialect = "html" if name == "NotifyEmail" else "plain"
    title, body = render_text(payload, dialect)
    if name == "NotifyPagerDuty":
        service.dedup, service.action = payload["dedupe_key"], "resolve" if over else "trigger"
        service.source, service.component = "tocsin", payload["monitor"]
        service.click = payload["links"]["page"]
        service.details = {"detail": body, "incident": payload["incident_id"], "monitor": payload["monitor"]}
        return {"title": "", "body": title, "body_format": NotifyFormat.TEXT, "notify_type": kind}
    if dialect == "html":
        title = render_text(payload, "plain")[0]  # a subject is text
    text_format = NotifyFormat.HTML if dialect == "html" else NotifyFormat.TEXT
    return {"title": title, "body": body, "body_format": text_format, "notify_type": kind}


def _post(service: Any, payload: Mapping[str, Any]) -> None:
    """Send the payload itself to where Apprise's JSON service would have sent its own."""
    scheme = "https" if service.secure else "http"
    port = f":{service.port}" if isinstance(service.port, int) else ""
    query = f"?{urlencode(service.params)}" if service.params else ""
    headers = {
        "User-Agent": "tocsin",
        "Content-Type": "application/json",
        "Idempotency-Key": payload["id"],
        **service.headers,
    }
    if service.user:
        pair = f"{service.user}:{service.password or ''}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    status: int | None = None
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme is http or https
            f"{scheme}://{service.host}{port}{service.fullpath or '/'}{query}",
            data=json.dumps(payload, allow_nan=False).encode(),
            headers=headers,
            method=str(service.method).upper(),
        )
        handlers = [urllib.request.HTTPSHandler(context=_tls(service.verify_certificate))] if service.secure else []
        opener = urllib.request.build_opener(_NoRedirect, *handlers)
        with opener.open(request, timeout=TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        status = error.code
    except (OSError, http.client.HTTPException, ValueError) as error:
        # the text of these errors may quote the URL; their names say enough
        reason = getattr(error, "reason", error)
        name = type(reason if isinstance(reason, BaseException) else error).__name__
        raise DeliveryError(f"The webhook did not answer ({name})") from None
    _raise_for(status)  # outside of the handler, so that no error with the URL hangs on to ours


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the payload, and look delivered."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _raise_for(status: int | None) -> None:
    if status is None:
        raise DeliveryError("The service did not accept the alert")
    if status in MESSAGE_STATUSES:
        raise Refused(f"The service refused the alert (HTTP {status})")
    raise DeliveryError(f"The service did not accept the alert (HTTP {status})")


class _Logs(logging.Filter):
    """Holds back every record; of their texts only an HTTP status is ever read."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self._messages.append(record.getMessage())
        return False

    def status(self) -> int | None:
        """The HTTP status that Apprise reported last, for lack of a place in its answer."""
        for message in reversed(self._messages):
            found = re.search(r"\berror[=:\s]+(\d{3})\b", message)
            if found:
                return int(found[1])
        return None


_QUIET = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")
_one_at_a_time = Lock()


@contextmanager
def _held_back_logs() -> Iterator[_Logs]:
    logs = _Logs()
    with _one_at_a_time:
        for name in _QUIET:
            logging.getLogger(name).addFilter(logs)
        try:
            yield logs
        finally:
            for name in _QUIET:
                logging.getLogger(name).removeFilter(logs)

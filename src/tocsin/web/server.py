"""Starting the server: this machine alone, or others with a token."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from tocsin.config import load_settings
from tocsin.errors import ConfigError
from tocsin.store import Store

__all__ = ["serve"]

VARIABLE = "TOCSIN_TOKEN"
LEAST_TOKEN = 16


def serve(
    config: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    names: Collection[str] = (),
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the review page until interrupted.

    Parameters
    ----------
    config : tocsin.toml; read once
    host : the address to listen on; one that other machines reach needs a token of 16 or more characters in the
        environment variable TOCSIN_TOKEN
    port : 0 takes any that is free
    names : host names by which browsers may call the server, beside `host` and those of this machine; whoever adds
        some lets others reach it, so they need a token, too
    on_ready : called with the address

    Raises
    ------
    ConfigError : no token, an address that cannot be listened on, or starlette and uvicorn are missing
    StoreError
    """
    try:
        import uvicorn

        from tocsin.web.app import create_app
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "starlette", "anyio"):
            raise
        raise ConfigError(
            "`tocsin serve` needs starlette and uvicorn", got=error.name, hint='pip install "tocsin[web]"'
        ) from None
    settings, token = load_settings(config), _token([host, *names])
    Store.open(settings.store.url, base=settings.base).close()  # what is wrong with it is said now
    app = create_app(settings, token=token, names={*names, _in_address(host)})
    listening = _listen(host, port)
    with listening:
        if on_ready is not None:
            on_ready(f"http://{_in_address(host)}:{listening.getsockname()[1]}/")
        # no access log: what people look at is nobody's business; no proxy headers: whoever sends them is believed
        options = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            limit_concurrency=200,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
        )
        with suppress(KeyboardInterrupt):  # uvicorn ends what it is doing, then raises it again
            uvicorn.Server(options).run(sockets=[listening])


def _token(names: Collection[str]) -> str | None:
    token = os.environ.get(VARIABLE) or None
    if token is not None and len(token) < LEAST_TOKEN:
        raise ConfigError(f"The token in {VARIABLE} is too short", allowed=f"{LEAST_TOKEN} characters or more")
    foreign = [name for name in names if not _is_local(name)]
    if token is None and foreign:
        hint = f"set {VARIABLE} to {LEAST_TOKEN} or more characters that nobody can guess, or listen on 127.0.0.1"
        raise ConfigError("Serving other machines needs a token", got=foreign[0], hint=hint)
    return token


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{host}:{port} cannot be listened on: {reason}", hint="choose another --port") from None

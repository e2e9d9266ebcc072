"""`tocsin serve`: the review page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path("tocsin.toml"),
    host: Annotated[
        str, typer.Option(help="The address to listen on; others than this machine's need TOCSIN_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.")] = 8765,
    name: Annotated[
        list[str] | None, typer.Option(help="A host name by which browsers call the server (repeatable).")
    ] = None,
) -> None:
    """Serve the page on which people review and answer, and the same as JSON, until Ctrl-C.

    Example: tocsin serve, then open the address that it prints
    """
    from tocsin.cli.console import Console
    from tocsin.web.server import serve as serve_page

    console = Console()
    serve_page(
        config,
        host=host,
        port=port,
        names=name or (),
        on_ready=lambda address: console.lines([f"review page: {address} (Ctrl-C ends it)"]),
    )

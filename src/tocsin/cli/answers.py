"""People's answers: `tocsin feedback` stores one, `tocsin types` shows what they are about and what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["feedback", "types"]

DEFAULT = Path("tocsin.toml")
Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
DAYS = 30.0


def feedback(
    identity: Annotated[str, typer.Argument(metavar="ID", help="An anomaly's or incident's id, or its beginning.")],
    verdict: Annotated[str | None, typer.Argument(help="relevant, not-relevant, expected or unsure.")] = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    author: Annotated[str, typer.Option(envvar="USER", help="Who answers.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take your last answer back.")] = False,
    config: Config = DEFAULT,
) -> None:
    """Store an answer: relevant, not-relevant, expected or unsure; `--undo` takes it back.

    Example: tocsin feedback 3fa9 not-relevant --comment "known campaign"
    """
    from tocsin.cli.console import Console
    from tocsin.cli.render_relevancy import render_feedback
    from tocsin.config import load_settings, utc_now
    from tocsin.effect import Withdrawal, change_by_answer
    from tocsin.model import Feedback, Verdict
    from tocsin.store import Store

    if (verdict is None) != undo:
        raise typer.BadParameter("give a verdict, or --undo without one")
    if verdict is not None and verdict not in list(Verdict):
        raise typer.BadParameter(f"{verdict!r} is not one of {', '.join(Verdict)}")
    settings = load_settings(config)
    with Store.open(settings.store.url, base=settings.base) as store:
        now = utc_now()
        given = Feedback(identity, Verdict(verdict), now, author, comment) if verdict is not None else None
        changed = change_by_answer(settings, store, given or Withdrawal(identity, author, now), days=DAYS)
    render_feedback(Console(), changed, undone=undo, days=DAYS)


def types(
    config: Config = DEFAULT,
    monitor: Annotated[
        list[str] | None, typer.Option("--monitor", "-m", help="Only this monitor (repeatable).")
    ] = None,
    days: Annotated[float, typer.Option(min=1, help="How far back from the newest sighting.")] = DAYS,
) -> None:
    """Show the kinds of anomalies that were seen, what people said of them, and what their answers change.

    Example: tocsin types --monitor ctr --days 90
    """
    from tocsin.anomaly_types import left_out, types_of
    from tocsin.cli.console import Console
    from tocsin.cli.render_relevancy import render_types
    from tocsin.config import load_settings, utc_now
    from tocsin.effect import effect_of_answers
    from tocsin.store import Store

    settings, console = load_settings(config), Console()
    with Store.open(settings.store.url, base=settings.base) as store:
        for one in [settings.monitor_named(name) for name in monitor or ()] or settings.monitor:
            cards, headlines = types_of(settings, store, one, days=days, now=utc_now())
            sentences = effect_of_answers(settings, store, one, days=days).sentences() if cards else []
            sentences += left_out(settings, store, one, days=days)
            render_types(console, one.name, cards, headlines, sentences)

"""What the commands print of relevancy: questions, what an answer changed, kinds of anomalies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tocsin.formatting import format_count, format_number, format_window, make_visible, shorten

if TYPE_CHECKING:
    from tocsin.cli.console import Console
    from tocsin.effect import Changed
    from tocsin.pipeline import OpenQuestion
    from tocsin.relevancy import AnomalyType

__all__ = ["render_cards", "render_feedback", "render_questions", "render_types"]

ID_DIGITS = 8


def render_questions(console: Console, questions: Sequence[OpenQuestion]) -> None:
    """Each with its headline and the words to answer it with."""
    console.lines(["your answer would help with: (relevant, not-relevant, expected or unsure)"])
    for question in questions:
        console.lines(
            [
                f"  {format_window(question.window)}  {shorten(make_visible(question.headline), 120)}",
                f"    tocsin feedback {question.id[:ID_DIGITS]} relevant",
            ]
        )


def render_feedback(console: Console, changed: Changed, *, undone: bool, days: float) -> None:
    """What was stored, and what it changes."""
    verb = "taken back" if undone else "stored"
    console.lines([f"{verb}: {changed.answer.verdict.value} for {changed.answer.subject_id}"])
    parts = [f"{changed.n_held} more would have been held back"] if changed.n_held else []
    parts += [f"{changed.n_rung} more would have rung"] if changed.n_rung else []
    if parts:
        console.lines([f"of the alerts of the last {days:g} days " + ", and ".join(parts)])


def render_types(
    console: Console,
    monitor: str,
    cards: Sequence[AnomalyType],
    headlines: Mapping[str, str],
    sentences: Sequence[str],
) -> None:
    """A card a kind, then what the answers change."""
    console.heading(monitor)
    render_cards(console, cards, headlines)
    if not cards:
        console.lines(["nothing has been seen yet"])
    console.lines(sentences)


def render_cards(console: Console, cards: Sequence[AnomalyType], headlines: Mapping[str, str]) -> None:
    """Each with what was said of it and its examples."""
    for card in cards:
        share = 100 * card.n_selected / max(card.n_items, 1)
        said = f"answers +{card.n_relevant} -{card.n_not_relevant}, relevance {format_number(card.relevance, 2)}"
        console.lines(
            [f"{card.id:3} {card.name}: {format_count(card.n_items, 'sighting')}, {share:.0f} % rang; {said}"]
        )
        for name in card.examples:
            console.lines([f"      {name[:ID_DIGITS]}  {shorten(make_visible(headlines.get(name, '')), 120)}"])

"""What the commands print. Values from data are never read as markup and cannot move the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tocsin.cli.console import Console
from tocsin.cli.render_relevancy import render_cards, render_questions
from tocsin.formatting import format_count, format_number, format_window, make_visible
from tocsin.model import LeftOut

if TYPE_CHECKING:
    from tocsin.alerts import DeliveryReport
    from tocsin.check import Finding
    from tocsin.demo import DemoResult
    from tocsin.initialise import InitResult
    from tocsin.pipeline import RunReport
    from tocsin.score import ScoreResult

__all__ = [
    "render_check",
    "render_delivery",
    "render_demo",
    "render_init",
    "render_run",
    "render_score",
]

N_INCIDENTS = 15
COLOURS = {"high": "bold red", "medium": "yellow", "low": "cyan"}


def render_run(console: Console, report: RunReport, *, dry_run: bool = False) -> None:
    """One line a monitor, the incidents that changed, and what was left out."""
    for item in report.monitors:
        statuses = [run.status.value for run in item.runs]
        parts = [format_count(statuses.count("evaluated"), "window") + " evaluated"]
        parts += [
            f"{statuses.count(status)} {status}" for status in ("silent", "not enough data") if status in statuses
        ]
        parts += [f"{item.n_unchanged} unchanged"] if item.n_unchanged else []
        parts += [f"{item.n_skipped} skipped (use backfill)"] if item.n_skipped else []
        parts.append(format_count(item.n_flagged, *item.noun) + " flagged")
        parts += [f"{item.n_held} held back"] if item.n_held else []
        parts += [f"{item.n_raised} raised"] if item.n_raised else []
        console.lines([f"{item.monitor}: " + ", ".join(parts)])
        _left_out(console, [left for run in item.runs[-1:] for left in run.left_out])
        console.lines([f"  note: {note}" for run in item.runs[-1:] for note in run.notes])
        latest = {incident.id: (incident, change) for incident, change in item.changes}
        changes = sorted(latest.values(), key=lambda pair: -pair[0].stake)
        rows = [
            (
                incident.id[:6],
                change.value,
                Text(incident.severity, style=COLOURS[incident.severity]),
                format_number(incident.stake),
                incident.headline,
                format_window(incident.first),
            )
            for incident, change in changes[:N_INCIDENTS]
        ]
        if rows:
            console.table(("id", "", "severity", "stake", "incident", "since"), rows)
        if len(changes) > N_INCIDENTS:
            console.lines([f"  {len(changes) - N_INCIDENTS} more incidents: `tocsin report` shows them"])
    if dry_run:
        console.lines(["dry run: nothing was written or sent"])
    if report.delivery is not None:
        render_delivery(console, report.delivery)
    if report.questions:
        render_questions(console, report.questions)


def _left_out(console: Console, left_out: Sequence[LeftOut]) -> None:
    for item in left_out:
        detail = f" ({item.detail})" if item.detail else ""
        console.lines([f"  left out: {format_number(item.count)} {item.unit}, {item.reason}{detail}"])


def render_delivery(console: Console, report: DeliveryReport) -> None:
    counts = {"sent": report.sent, "failed": report.failed, "dead": report.dead, "waiting": report.waiting}
    if any(counts.values()):
        console.lines(["alerts: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count)])


def render_check(console: Console, findings: Sequence[Finding]) -> bool:
    for finding in findings:
        mark = Text("ok  ", style="green") if finding.ok else Text("LOOK", style="bold red")
        console.out.print(Text.assemble(mark, " ", make_visible(f"{finding.subject}: {finding.sentence}")))
    return all(finding.ok for finding in findings)


def render_init(console: Console, result: InitResult) -> None:
    console.lines(result.guesses)
    console.lines([f"written: {result.config}"])
    if result.backtest:
        console.heading("Expected from a backtest")
        rows = [
            (
                item.monitor,
                item.n_windows,
                f"{item.q:g}",
                format_number(item.min_absolute),
                format_number(item.incidents_a_week, 2),
            )
            for item in result.backtest
        ]
        console.table(("monitor", "windows judged", "q", "least deviation", "incidents a week"), rows)
    console.lines(["", "next: " + result.next_step])


def render_score(console: Console, result: ScoreResult) -> None:
    """A sentence for each of the oddest rows, what is to be said of the table, and what was written."""
    console.lines([row.sentence for row in result.oddest])
    scored = f"{format_count(result.n_rows, 'row')} scored"
    console.lines([*[""] * bool(result.oddest), scored, *(f"note: {note}" for note in result.notes)])
    console.lines([f"written: {path}" for path in result.written])


def render_demo(console: Console, result: DemoResult) -> None:
    console.heading("Planted and found")
    rows = [
        (
            row.where + ("" if row.harmful else " (harmless)"),
            format_window(row.window),
            Text("yes", style="green" if row.harmful else "yellow") if row.incident_ids else Text("no", style="red"),
            f"{row.incident_ids[0][:6]} {row.remark}" if row.incident_ids else row.remark,
        )
        for row in result.rows
    ]
    console.table(("planted", "when", "found", "as"), rows)
    console.lines(result.others)
    lesson = result.lesson
    console.heading("Answered")
    console.lines([*lesson.sentences, "", f"of the {lesson.n_kinds} kinds that tocsin types shows:"])
    render_cards(console, lesson.cards, lesson.headlines)
    console.lines(lesson.effect)
    console.heading("Written")
    console.lines(result.written)
    console.lines(["", "next: " + result.next_step])

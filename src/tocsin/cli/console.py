"""Where the commands print. Values from data are never read as markup and cannot move the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rich.box
import rich.console
import rich.markup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tocsin.errors import TocsinError
from tocsin.formatting import make_visible

__all__ = ["Console", "complain"]


class Console:
    """stdout for results, stderr for progress."""

    def __init__(self) -> None:
        self.out = rich.console.Console(highlight=False, soft_wrap=True)
        self.err = rich.console.Console(stderr=True, highlight=False)

    def lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.out.print(Text(make_visible(line)))

    def heading(self, text: str) -> None:
        self.out.print()
        self.out.print(Text(text, style="bold"))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        table = Table(box=rich.box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(make_visible(str(cell))) for cell in row))
        self.out.print(table)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """A progress bar a task on a terminal; nothing where stderr is not one."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal) as bars:
            tasks: dict[str, Any] = {}

            def show(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bars.add_task(rich.markup.escape(name), total=total)
                bars.update(tasks[name], completed=done, total=total)

            yield show


def complain(error: TocsinError) -> None:
    Console().err.print(Text.assemble(("error: ", "bold red"), make_visible(str(error))))

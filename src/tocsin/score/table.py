"""A table of any size scored in pieces: learn from a sample, score every row, explain the oddest.

The table is read twice, first for the sample, then to score; rows that are written wait on disk until the oddest are
known and their reasons can stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.detectors.contextual.columns import ColumnKind
from tocsin.detectors.contextual.con_out import ConOut
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.detectors.contextual.isolation_forest import IsolationForest
from tocsin.detectors.contextual.models import SCORE, ModelFile, Tally, read_model, score_rows, write_model
from tocsin.detectors.contextual.rocod import Rocod
from tocsin.errors import InputError, NotEnoughData, nearest
from tocsin.formatting import format_count
from tocsin.score.output import require_form, spooled, write_table
from tocsin.score.reasons import REASONS, OddestRows, OddRow, reason_columns
from tocsin.score.sample import Sample, draw_sample
from tocsin.sources import open_table

__all__ = ["DETECTORS", "SAMPLE_ROWS", "ScoreResult", "score_table"]

DETECTORS = ("con_out", "isolation_forest", "rocod")
SAMPLE_ROWS = 200_000
"""Of a larger table, a detector learns from so many rows."""
MAX_TOP = 10_000
RESULTS = (SCORE, *REASONS)


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The oddest rows, highest score first; what is to be said of the table; the files that were written."""

    n_rows: int
    oddest: tuple[OddRow, ...]
    notes: tuple[str, ...]
    written: tuple[Path, ...]


def score_table(
    data: str,
    *,
    table: str | None = None,
    out: Path | None = None,
    detector: str = "con_out",
    contexts: Sequence[Sequence[str]] = (),
    identifier: str | None = None,
    without: Sequence[str] = (),
    top: int = 20,
    seed: int = 0,
    model: Path | None = None,
    save: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ScoreResult:
    """Score the rows of a table and explain the oddest.

    Parameters
    ----------
    data : str
        A Parquet or CSV file, a folder or glob of them, or a connection URL (then `table` is needed).
    out : Path, optional
        FILE.parquet or FILE.csv for the table with scores and reasons.
    detector : {"con_out", "isolation_forest", "rocod"}
    contexts : sequence of sequences of str
        Columns that make rows comparable, one sequence a context (con_out any number, rocod one); empty: found.
    identifier : str, optional
        The column that names the rows; no detector sees it. Default: the first column in which every row has its own
        text.
    without : sequence of str
        Further columns that the detector does not see.
    top : int
        How many rows are explained, 0 to 10,000.
    seed : int
        Random state of the sample and the detector.
    model : Path, optional
        Score by a saved model; nothing is learned.
    save : Path, optional
        Write what was learned.

    Raises
    ------
    SourceError
        No such file, or one that cannot be read.
    NotEnoughData
        Fewer than two rows.
    InputError
        A column or setting that is not there, no column to judge by, or not the columns of the model.
    """
    learning = {"context": contexts, "without": without}
    _require_settings(data, detector, contexts, top, out)
    if model is not None and (save is not None or any(learning.values())):
        given = "save" if save is not None else next(name for name, value in learning.items() if value)
        raise InputError("A saved model is not learned from anew", allowed="--model alone", got=f"--{given}, too")
    with open_table(data, table, Path.cwd()) as source:
        _require_columns(source.columns, [*without, *filter(None, [identifier])])
        if model is None:
            sample = draw_sample(source.batches(), SAMPLE_ROWS, seed)
            found, notes = _learned(sample, data, _new_detector(detector, contexts, seed), identifier, without)
        else:
            sample, (found, notes) = None, _loaded(read_model(model), identifier)
        if save is not None:
            write_model(save, found.detector, found.about)
        oddest, tally = OddestRows(top), Tally()
        n_expected = 0 if sample is None else sample.n_rows
        pieces = _scored(source.batches(), found, oddest, tally, n_expected, progress)
        n_rows, odd = _kept(pieces, out, lambda: oddest.explain(found.detector, found.about["identifier"]))
    if n_rows == 0:
        raise NotEnoughData("The table is empty", got=data)
    written = tuple(path for path in (save, out) if path is not None)
    return ScoreResult(n_rows, tuple(odd), (*notes, *_unusual(tally)), written)


def _require_settings(data: str, detector: str, contexts: Sequence[Sequence[str]], top: int, out: Path | None) -> None:
    if detector not in DETECTORS:
        raise InputError("A detector", allowed=", ".join(DETECTORS), got=detector, hint=nearest(detector, DETECTORS))
    if contexts and detector == "isolation_forest":
        raise InputError("A context", allowed="with con_out or rocod", got="isolation_forest, which has none")
    if len(contexts) > 1 and detector == "rocod":
        raise InputError("The contexts of rocod", allowed="one", got=len(contexts))
    if not 0 <= top <= MAX_TOP:
        raise InputError("The number of rows to explain", allowed=f"0 to {MAX_TOP:,}", got=top)
    if out is not None:
        require_form(out)
        here = Path(data).resolve()
        if "://" not in data and (out.resolve() == here or here in out.resolve().parents):
            raise InputError("The file for the scores", allowed="one outside of the table's own", got=str(out))


def _new_detector(name: str, contexts: Sequence[Sequence[str]], seed: int) -> TableDetector:
    if name == "isolation_forest":
        return IsolationForest(random_state=seed, n_jobs=-1)
    if name == "rocod":
        return Rocod(contexts=contexts[0] if contexts else None)
    return ConOut(contexts=contexts or None, random_state=seed, n_jobs=-1)


def _require_columns(names: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in names:
            raise InputError("A column", allowed=", ".join(names), got=name, hint=nearest(name, names))


def _loaded(model: ModelFile, identifier: str | None) -> tuple[ModelFile, list[str]]:
    about = {**model.about, "identifier": identifier or model.about.get("identifier")}
    n_columns = len(model.detector.schema_.columns)
    kind = type(model.detector).__name__
    return ModelFile(model.detector, about), [f"scored by a saved {kind} of {format_count(n_columns, 'column')}"]


def _learned(
    sample: Sample | None, data: str, detector: TableDetector, identifier: str | None, without: Sequence[str]
) -> tuple[ModelFile, list[str]]:
    if sample is None or sample.n_rows == 0:
        raise NotEnoughData("The table is empty", got=data, hint="tocsin score needs some rows to compare")
    names = sample.table.schema.names
    hidden = {*without, identifier}
    notes = []
    if set(RESULTS) <= set(names):
        hidden |= set(RESULTS)
        notes.append("the scores and reasons of an earlier run are not looked at, and replaced")
    left = sample.table.select([name for name in names if name not in hidden])
    if not left.num_columns:
        raise InputError("No column is left to judge by", allowed="at least one column", got=", ".join(names))
    detector.fit(left)
    aside = detector.schema_.set_aside
    if identifier is None:
        called = [column.name for column in aside if column.kind is ColumnKind.IDENTIFIER]
        identifier = next((name for name in called if _is_name(left.schema.field(name).type)), None)
    if sample.n_rows > len(sample.rows):
        notes.append(f"learned from {len(sample.rows):,} of {sample.n_rows:,} rows; numbers of peers are among those")
    notes += [f"{column.name} is not used: {column.note}" for column in aside]
    return ModelFile(detector, {"identifier": identifier}), notes


def _is_name(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def _scored(
    batches: Iterator[Any],
    model: ModelFile,
    oddest: OddestRows,
    tally: Tally,
    n_rows: int,
    progress: Callable[[str, int, int], None] | None,
) -> Iterator[Any]:
    """The batches with their scores."""
    import pyarrow as pa

    done = 0
    for batch in batches:
        scores = score_rows(model.detector, batch, tally)
        oddest.add(batch, scores, done)
        done += batch.num_rows
        if progress is not None:
            progress("rows", done, max(n_rows, done))
        kept, names = _inputs(batch)
        yield pa.RecordBatch.from_arrays([*kept, pa.array(scores)], names=[*names, _free(SCORE, names)])


def _kept(pieces: Iterator[Any], out: Path | None, explain: Callable[[], list[OddRow]]) -> tuple[int, list[OddRow]]:
    """Go through all pieces, and write them where there is an `out`; how many rows they had, and the oddest of them."""
    if out is None:
        n_rows = sum(batch.num_rows for batch in pieces)
        return n_rows, explain()
    n_rows, odd = 0, []
    with spooled(out) as (add, read):
        for batch in pieces:
            add(batch)
            n_rows += batch.num_rows
        if n_rows:
            odd = explain()
            write_table(out, _with_reasons(read(), {one.row: one for one in odd}))
    return n_rows, odd


def _inputs(batch: Any) -> tuple[list[Any], list[str]]:
    """The columns of the table but the results of an earlier run."""
    names = batch.schema.names
    earlier = set(RESULTS) if set(RESULTS) <= set(names) else set()
    kept = [name for name in names if name not in earlier]
    return [batch.column(name) for name in kept], kept


def _with_reasons(batches: Iterator[Any], odd: dict[int, OddRow]) -> Iterator[Any]:
    import pyarrow as pa

    first = 1
    for batch in batches:
        names = list(batch.schema.names)
        for reason in REASONS:
            names.append(_free(reason, names))
        yield pa.RecordBatch.from_arrays([*batch.columns, *reason_columns(odd, first, batch.num_rows)], names=names)
        first += batch.num_rows


def _free(name: str, taken: Sequence[str]) -> str:
    """A name of a result that no column of the table has."""
    while name in taken:
        name = f"tocsin_{name}"
    return name


def _unusual(tally: Tally) -> list[str]:
    said = (
        (tally.n_infinite, "infinite value", "taken as the largest or smallest that was learned from"),
        (tally.n_unreadable, "value", "no number or date in a column of those, taken as missing"),
        (tally.n_unseen, "value", "a category that was not learned from, taken as one of its own"),
    )
    return [f"{format_count(n, noun)}: {what}" for n, noun, what in said if n]

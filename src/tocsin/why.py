"""The arithmetic behind an anomaly, and what an incident is made of, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tocsin.formatting import (
    format_change,
    format_count,
    format_day,
    format_interval,
    format_number,
    format_p,
    format_ratio,
    format_slice,
    format_value,
    format_window,
)
from tocsin.model import Anomaly, Incident, Item
from tocsin.store import Store

__all__ = ["why"]

N_ANOMALIES, N_BINS = 10, 8


def why(store: Store, identity: str) -> list[str]:
    """Explain an anomaly, an incident, or a sighting below the threshold.

    Parameters
    ----------
    identity : str
        Its id, or a beginning of it that fits no other.

    Raises
    ------
    InputError
        Nothing, or more than one thing, has such an id.
    """
    subject = store.subject(identity)
    if isinstance(subject, Incident):
        lines = list(_incident(subject, store))
    elif isinstance(subject, Item):
        lines = list(_sighting(subject))
    else:
        explain = {"slices": _anomaly, "collections": _collection, "series": _point}.get(subject.kind, _entity)
        lines = list(explain(subject))
        lines += _relevance(subject, store)
    answers = store.feedback(subject_id=subject.id)
    lines += [
        f"answer: {item.verdict.value} by {item.author or 'somebody'} {item.comment}".rstrip() for item in answers
    ]
    return lines


def _relevance(subject: Anomaly, store: Store) -> Iterator[str]:
    """What people's answers made of the sighting that an anomaly leads."""
    for item in store.items(subject.monitor, since=subject.window.start, until=subject.window.end):
        if item.anomaly_id == subject.id and item.model_version:
            yield _chosen(item)


def _sighting(item: Item) -> Iterator[str]:
    yield f"sighting {item.id} of {item.monitor}: {format_slice(item.slice)}"
    yield f"window    {format_window(item.window)}"
    yield f"seen      {item.headline}"
    if item.model_version:
        yield _chosen(item)
    if not item.is_selected and not item.is_base:
        yield "stored    nothing else: it is below the detection threshold and no answers raised it"


def _chosen(item: Item) -> str:
    """By what a sighting was chosen."""
    became = "rang" if item.is_selected else "was held back" if item.is_base else "did not ring"
    beyond = f"{abs(item.excess):.2g} powers of ten {'beyond' if item.excess > 0 else 'below'} the threshold"
    return f"relevance {item.relevance:.3g} by people's answers (above 0: wanted); {beyond}; it {became}"


def _anomaly(item: Anomaly) -> Iterator[str]:
    unit = _unit(item)
    yield f"anomaly {item.id} of {item.monitor}: {format_slice(item.slice)}"
    yield f"window    {format_window(item.window)}"
    yield f"KPI       {item.kpi} = {format_value(item.value, unit)}, {format_change(item.value, item.expected)}"
    interval = format_interval(item.lower, item.upper, unit)
    yield f"expected  {format_value(item.expected, unit)}, 95 % interval {interval}"
    yield from _arithmetic(item)
    yield f"p         {format_p(item.p_value)} (two-sided unless the monitor has a direction)"
    yield f"q         {format_p(item.q_value)}: the share of false alarms among slices flagged at least as clearly"
    yield f"score     {item.score!r} = 1 - p"
    if item.slice.items:
        yield f"of total  {format_ratio(item.share_of_total)} of what was expected of all slices together"
    yield f"stake     {format_number(item.stake)}"
    yield from (f"{name:9} {_shown(value)}" for name, value in item.evidence.items() if name not in _USED)


def _point(item: Anomaly) -> Iterator[str]:
    yield f"anomaly {item.id} of {item.monitor}: {format_slice(item.slice)}"
    yield f"window    {format_window(item.window)}"
    unit = _unit(item)
    yield f"KPI       {item.kpi} = {format_value(item.value, unit)}, {format_change(item.value, item.expected)}"
    interval = format_interval(item.lower, item.upper, unit)
    yield f"expected  {format_value(item.expected, unit)}, 99 % interval {interval}, by {item.evidence.get('detector')}"
    surprise, threshold = (_number(item.evidence.get(name)) for name in ("surprise", "threshold"))
    yield f"surprise  {format_number(surprise)} = -log10 p; from {format_number(threshold)} on it rings"
    yield f"score     {item.score!r} = 1 - p"
    yield f"stake     {format_number(item.stake)}"


def _entity(item: Anomaly) -> Iterator[str]:
    evidence = item.evidence
    yield f"anomaly {item.id} of {item.monitor}: {format_slice(item.slice)}"
    yield f"window    {format_window(item.window)}, {format_count(int(evidence.get('n_records') or 0), 'row')}"
    yield f"score     {item.score!r}; 0 is usual, 1 as odd as can be"
    if evidence.get("is_new"):
        yield "new       it had no rows in the window before"
    for part in evidence.get("indicators", ()):
        among = f"{part['n_peers']:,} with {part['population']}" if part["context"] else f"all {part['n_peers']:,}"
        yield f"odd in    {part['name']} = {part['observed']}, {format_ratio(part['share'])} of the score"
        yield f"  usual   {part['expected']} among {among}"
        if part["peers"]:
            yield f"  nearest {part['peers']}"
    if item.stake != item.score:  # without an amount at stake the score only orders incidents
        yield f"stake     {format_number(item.stake)}"


def _collection(item: Anomaly) -> Iterator[str]:
    evidence = item.evidence
    yield f"anomaly {item.id} of {item.monitor}: {format_slice(item.slice)}"
    yield f"window    {format_window(item.window)}, {format_count(int(item.value), 'record')}"
    yield f"score     {item.score!r}; p = {format_p(item.p_value)}"
    threshold = format_number(_number(evidence.get("threshold")))
    yield f"divergence {format_number(_number(evidence.get('divergence')))} nats, threshold {threshold}"
    if evidence.get("by_peers"):
        yield "judged by its peers: its own history is too short, or not to be trusted"
    for part in evidence.get("parts", ()):
        observed, expected, lower, upper, p = (
            _number(part.get(name)) for name in ("observed", "expected", "lower", "upper", "p_value")
        )
        figures = f" {format_number(observed)}; {format_number(expected)} usual, {format_interval(lower, upper)}"
        yield f"{part['name']:9}{figures if observed == observed else ''} p = {format_p(p)}"
    yield from _moved_bins(evidence.get("histogram", {}))
    nearest = [format_day(datetime.fromisoformat(moment)) for moment in evidence.get("nearest", ())]
    if nearest:
        yield f"nearest   past anomalies: {', '.join(nearest)}"
    yield f"stake     {format_number(item.stake)}"


def _moved_bins(histogram: Mapping[str, Any]) -> Iterator[str]:
    """The bins that make up most of the divergence, the largest share first."""
    columns = [histogram.get(name, ()) for name in ("bins", "terms", "observed", "expected", "lower", "upper")]
    rows = sorted(zip(*columns, strict=True), key=lambda row: -abs(row[1] or 0.0))
    for label, term, observed, expected, lower, upper in rows[:N_BINS]:
        if not term:
            break
        word = "more" if term > 0 else "fewer"
        usual = f"{format_number(expected)} usual of as many, {format_interval(lower, upper)}"
        share = f"{format_ratio(abs(term))} of the divergence"
        yield f"bin       {label}: {format_number(observed)} records, {word}; {usual}; {share}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


_USED = {"amount", "exposure", "expected_amount", "deviation_sd", "common_factor"}


def _arithmetic(item: Anomaly) -> Iterator[str]:
    evidence = item.evidence
    exposure = evidence.get("exposure")
    numerator, _, denominator = item.kpi.partition(" / ")
    of = f" of {format_number(exposure, 6)} {denominator}" if denominator else ""
    expected = format_number(item.expected_amount, 6)
    yield f"counts    {format_number(item.amount, 6)} {numerator}{of}; expected {expected}"
    factor = evidence.get("common_factor")
    if factor is not None:
        yield f"factor    {format_number(factor, 4)}: the level that all slices shared in this window (1 = as usual)"
    if item.deviation_sd and item.deviation_sd > 0:
        deviation = item.amount - item.expected_amount
        yield (
            f"deviation {format_number(deviation, 6)} = {format_number(deviation / item.deviation_sd)} "
            f"x {format_number(item.deviation_sd, 4)} (predictive standard deviation)"
        )


def _incident(item: Incident, store: Store) -> Iterator[str]:
    yield f"incident {item.id} of {item.monitor}, {item.state.value}, {item.severity}: {item.headline}"
    yield f"first     {format_window(item.first)}"
    yield f"last      {format_window(item.last)}"
    if item.details.get("stake_of", "") is not None:
        yield f"stake     {format_number(item.stake)}"
    yield from (f"- {reason}" for reason in item.details.get("reasons", ()))
    for part in item.details.get("contributions", ())[:N_ANOMALIES]:
        share = format_ratio(part["share"]) if part.get("share") is not None else ""
        amounts = f"{format_number(part['amount'])} where {format_number(part['expected'])} were expected"
        yield f"  {part['dimension']} {part['value']}: {amounts}, {share} of the deviation"
    anomalies = store.anomalies(incident=item.id)
    yield f"{format_count(len(anomalies), 'anomaly', 'anomalies')}; `tocsin why` explains each:"
    for anomaly in sorted(anomalies, key=lambda anomaly: -anomaly.stake)[:N_ANOMALIES]:
        yield (
            f"  {anomaly.id}  {format_window(anomaly.window)}  {format_slice(anomaly.slice)}  "
            f"{format_change(anomaly.value, anomaly.expected)}, {_certainty(anomaly)}"
        )
    if len(anomalies) > N_ANOMALIES:
        yield f"  {len(anomalies) - N_ANOMALIES} more"


def _certainty(item: Anomaly) -> str:
    return f"score {item.score:.4g}" if item.kind == "contextual" else f"p = {format_p(item.p_value)}"


def _unit(item: Anomaly) -> str:
    return "ratio" if " / " in item.kpi and item.expected <= 1 else "amount"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return format_number(value, 5)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return str(value)

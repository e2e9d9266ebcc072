"""What is planted into a simulated funnel: where, when, in which KPI and how strongly. The truth that a detector meets.

Each kind changes only the cells (leaf slice x hour) it names, by thinning or adding single events, so that a funnel
with troubles and the one without agree in every other cell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.model import Slice, Window

__all__ = ["KINDS", "SCHEMA", "Cells", "Trouble", "apply_trouble", "read_troubles", "troubles_json"]

SCHEMA = "tocsin/troubles/1"
"""Named in troubles.json; changes when a field changes its meaning or goes."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One planted event.

    Parameters
    ----------
    name : str
        Short and unique within a funnel.
    kind : {"ctr drop", "install outage", "click explosion", "promotion"}
    slice : Slice
        The highest slice that is hit as a whole.
    start, end : datetime
        Aware UTC, [start, end), whole hours.
    kpi : str
        The KPI that tells it best, as configured: "clicks / views".
    factor : float
        What that KPI is multiplied by in the slice while it lasts.
    harmful : bool
        False where nobody should be woken: nothing is wrong.
    sentence : str
        For people.
    also : tuple of (kpi, factor)
        Other KPIs that move with it by design.
    """

    name: str
    kind: str
    slice: Slice
    start: datetime
    end: datetime
    kpi: str
    factor: float
    harmful: bool
    sentence: str
    also: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError("A trouble's kind", allowed=", ".join(KINDS), got=self.kind)
        above = KINDS[self.kind].above_one
        if not (self.factor > 1 if above else 0 <= self.factor < 1):
            allowed = "above 1" if above else "0 or more and below 1"
            raise InputError(f"The factor of a trouble of kind {self.kind!r}", allowed=allowed, got=self.factor)
        _ = self.window  # refuses times without a zone and an end before the start

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)

    def to_json(self) -> dict[str, Any]:
        """JSON values; the slice as {dimension: value}, times in ISO 8601."""
        return {
            "name": self.name,
            "kind": self.kind,
            "slice": dict(self.slice.items),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "kpi": self.kpi,
            "factor": self.factor,
            "also": [{"kpi": kpi, "factor": factor} for kpi, factor in self.also],
            "harmful": self.harmful,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Trouble:
        """The inverse of `to_json`."""
        return cls(
            name=item["name"],
            kind=item["kind"],
            slice=Slice(tuple(item["slice"].items())),
            start=datetime.fromisoformat(item["start"]).astimezone(UTC),
            end=datetime.fromisoformat(item["end"]).astimezone(UTC),
            kpi=item["kpi"],
            factor=item["factor"],
            harmful=item["harmful"],
            sentence=item["sentence"],
            also=tuple((entry["kpi"], entry["factor"]) for entry in item["also"]),
        )


def troubles_json(troubles: Sequence[Trouble]) -> str:
    """The text of troubles.json: {"schema": "tocsin/troubles/1", "troubles": [...]}."""
    content = {"schema": SCHEMA, "troubles": [trouble.to_json() for trouble in troubles]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def read_troubles(path: str | Path) -> tuple[Trouble, ...]:
    """Read a troubles.json; raises `InputError` where it is of another schema."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        got = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise InputError(f"The schema of {path}", allowed=SCHEMA, got=got)
    return tuple(Trouble.from_json(item) for item in content["troubles"])


@dataclass(slots=True)
class Cells:
    """The cells that one trouble hits; arrays of one shape, changed in place.

    views, clicks, installs : what happens in each cell
    view_rate               : the mean of views that each cell was drawn from
    click_rate, install_rate : probability of a click per view and of an install per click
    """

    views: Ints
    clicks: Ints
    installs: Ints
    view_rate: Floats
    click_rate: Floats
    install_rate: Floats


def apply_trouble(trouble: Trouble, cells: Cells, rng: np.random.Generator) -> None:
    """Change `cells` as the trouble's kind says."""
    KINDS[trouble.kind].change(cells, trouble.factor, rng)


def _thin_clicks(cells: Cells, factor: float, rng: np.random.Generator) -> None:
    """Each click stays with probability `factor`, with the install that followed it, if any."""
    kept_installs = rng.binomial(cells.installs, factor)
    cells.clicks[:] = kept_installs + rng.binomial(cells.clicks - cells.installs, factor)
    cells.installs[:] = kept_installs


def _thin_installs(cells: Cells, factor: float, rng: np.random.Generator) -> None:
    cells.installs[:] = rng.binomial(cells.installs, factor)


def _add_clicks(cells: Cells, factor: float, rng: np.random.Generator) -> None:
    """Views that had no click get one that leads nowhere, until there are `factor` times as many clicks."""
    probability = np.minimum((factor - 1) * cells.click_rate / (1 - cells.click_rate), 1.0)
    cells.clicks += rng.binomial(cells.views - cells.clicks, probability)


def _add_views(cells: Cells, factor: float, rng: np.random.Generator) -> None:
    """More of the same: extra views that click and install as the others do."""
    views = rng.poisson((factor - 1) * cells.view_rate)
    clicks = rng.binomial(views, cells.click_rate)
    cells.views += views
    cells.clicks += clicks
    cells.installs += rng.binomial(clicks, cells.install_rate)


@dataclass(frozen=True, slots=True)
class _Kind:
    change: Callable[[Cells, float, np.random.Generator], None]
    above_one: bool


KINDS: Mapping[str, _Kind] = {
    "ctr drop": _Kind(_thin_clicks, above_one=False),
    "install outage": _Kind(_thin_installs, above_one=False),
    "click explosion": _Kind(_add_clicks, above_one=True),
    "promotion": _Kind(_add_views, above_one=True),
}
"""How each kind changes its cells, and on which side of 1 its factor lies."""

"""Random cut forest: a point is odd if few random cuts part it from all that was seen.

The streaming forest of Guha, Mishra, Roy and Schrijvers (2016) over shingles, the newest few values of a series as one
point; equal shingles are one leaf with a mass. The raw score follows the AWS service, not the paper's displacement: how
shallow the new shingle would lie if it were inserted, averaged exactly over the cuts that its insertion could draw, so
that it need not be inserted to be scored. It is -log(1 + depth), in (-inf, 0], where the service has 1 / (1 + depth): a
mean over trees that no single tree decides. The samples follow the service, too: they forget slowly, where a sliding
window of as many shingles would know a few hours of minutes.

Expected value: the median of one near point of each tree; band: the recent errors of that prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.calibration import TailCalibration
from tocsin.detectors.series.reading import read_state
from tocsin.detectors.series.scores import SeriesScores
from tocsin.detectors.series.settings import check_level
from tocsin.errors import InputError
from tocsin.kernels.random_cut_forest import ForestArrays, run_forests
from tocsin.kernels.random_cut_trees import clear_tree
from tocsin.kernels.running_scale import ROUNDING
from tocsin.model import Floats

__all__ = ["RandomCutForest"]

HORIZON = 40
"""Sample sizes until the share of a shingle in the trees' samples falls to 1 / e, and raw scores that are kept to
compare new ones with: a week of minutes for samples of 256."""
N_ERRORS = 512
"""Errors of the prediction that the band is taken from: at a level of .99, the second from each end."""
LARGEST_VALUE = 1e300
"""Larger ones are as large, where the spread is measured."""
LARGEST_SAMPLE = 16_384
"""Nodes are numbered in 16 bits."""


class RandomCutForest(SeriesDetector):
    """Isolation of the newest shingle in trees that are updated with every point.

    Parameters
    ----------
    shingle : int, 1 ... 64
        Values that are looked at together.
    n_trees : int, at least 1
    sample_size : int, 2 ... 16,384
        Shingles that a tree keeps.
    random_state : int, Generator or None
    level : float in (0, 1)
        Share of the prediction's recent errors inside the band.

    A series takes n_trees x sample_size x (12 shingle + 26) bytes and 640 x sample_size for its scores, 1.7 MB at the
    defaults, however long it is: thousands of series want fewer and smaller trees. Values are kept to seven digits of
    their distance from the history's median. All series use the same random numbers: none depends on the others.

    >>> import numpy as np
    >>> values = np.sin(np.arange(400.0))[None]
    >>> values[0, 380] = 4.0
    >>> scores = RandomCutForest(random_state=0).fit(values[:, :300]).update(values[:, 300:])
    >>> int(scores.surprise.argmax())
    80
    """

    def __init__(
        self,
        *,
        shingle: int = 8,
        n_trees: int = 50,
        sample_size: int = 256,
        random_state: int | np.random.Generator | None = None,
        level: float = 0.99,
    ) -> None:
        self.shingle = shingle
        self.n_trees = n_trees
        self.sample_size = sample_size
        self.random_state = random_state
        self.level = level

    def _fit(self, history: Floats) -> None:
        self._check_settings()
        seeds = np.random.default_rng(self.random_state).integers(0, 2**64, self.n_trees, dtype=np.uint64)
        self.forest_ = new_forest(len(history), self.shingle, self.sample_size, seeds)
        self.forest_.centre[:], self.forest_.unit[:] = centre_and_unit(history)
        raw = self._run(history)[0]
        raw[self._is_early(history)] = np.nan
        self.calibration_ = TailCalibration(self.n_series_, memory=HORIZON * self.sample_size).fit(raw)

    def _update(self, values: Floats) -> SeriesScores:
        raw, expected, lower, upper = self._run(values)
        surprise = self.calibration_.surprise(raw)
        direction = np.nan_to_num(np.sign(values - expected)).astype(np.int8)
        return SeriesScores(surprise, expected, lower, upper, direction)

    def _run(self, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Raw score, prediction and band of each point, all (n_series, n_new); learns them."""
        raw, expected, lower, upper = (np.empty(values.shape) for _ in range(4))
        horizon, tail = HORIZON * self.sample_size, (1.0 - self.level) / 2.0
        run_forests(values, self.forest_, horizon, tail, raw, expected, lower, upper)
        return raw, expected, lower, upper

    def _is_early(self, history: Floats) -> npt.NDArray[np.bool_]:
        """Points before the trees were full, or the first half of a short history: scores of small trees are others."""
        n_known = np.cumsum(~np.isnan(history), axis=1)
        early: npt.NDArray[np.bool_] = n_known <= np.minimum(self.sample_size, n_known[:, -1:] // 2)
        return early

    def _check_settings(self) -> None:
        allowed = {"shingle": (1, 64), "n_trees": (1, 10_000), "sample_size": (2, LARGEST_SAMPLE)}
        for name, (least, most) in allowed.items():
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or not least <= value <= most:
                allowed_values = f"a whole number from {least} to {most:,}"
                raise InputError(f"Setting {name} of RandomCutForest", allowed=allowed_values, got=value)
        check_level(self.level)

    def get_state(self) -> dict[str, Any]:
        """The trees of all series, and the calibration of their scores."""
        arrays = {name: array.copy() for name, array in self.forest_._asdict().items()}
        return {**arrays, **self.calibration_.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit."""
        self._check_settings()
        template = new_forest(0, self.shingle, self.sample_size, np.zeros(self.n_trees, np.uint64))
        layout = {name: (empty.dtype, (-1, *empty.shape[1:])) for name, empty in template._asdict().items()}
        forest = ForestArrays(**read_state(state, layout, holes=["centre"]))
        _check_links(forest)
        calibration = TailCalibration(len(forest.links)).set_state(state)
        if calibration.n_series != len(forest.links):
            raise InputError("A state of other series", allowed=f"{len(forest.links)} rows", got=calibration.n_series)
        self.forest_, self.n_series_, self.calibration_ = forest, len(forest.links), calibration
        return self


def _check_links(forest: ForestArrays) -> None:
    """Raise `InputError` for nodes that there are not: the kernels would follow a link to anywhere."""
    n_nodes, shingle = forest.links.shape[2], forest.shingle.shape[1]
    columns = np.moveaxis(forest.links, 3, 0)  # left, right, parent, mass, axis
    nodes = (*columns[:3], forest.heads, forest.leaf_of)
    fits = all((part >= -1).all() and (part < n_nodes).all() for part in nodes)
    fits &= bool((columns[3] >= 0).all() and (columns[4] >= 0).all() and (columns[4] < shingle).all())
    fits &= bool((forest.heads[..., 0] >= 0)[forest.n_learned > 0].all())
    if not fits or min(count.min(initial=0) for count in (forest.n_seen, forest.n_learned, forest.n_errors)) < 0:
        raise InputError("A state whose trees are damaged", hint="fit the detector again")


def new_forest(n_series: int, shingle: int, sample_size: int, seeds: np.ndarray[Any, np.dtype[np.uint64]]) -> Any:
    """A forest that has seen nothing; `seeds` (n_trees,) are those of every series."""
    n_trees = len(seeds)
    trees = (n_series, n_trees)
    links, heads = np.zeros((2 * sample_size - 1, 5), np.int16), np.zeros(3, np.int16)
    clear_tree(links, heads)
    return ForestArrays(
        links=np.broadcast_to(links, (*trees, *links.shape)).copy(),
        cuts=np.zeros((*trees, sample_size - 1), np.float32),
        boxes=np.zeros((*trees, sample_size - 1, 2 * shingle), np.float32),
        points=np.zeros((*trees, sample_size, shingle), np.float32),
        heads=np.broadcast_to(heads, (*trees, 3)).copy(),
        leaf_of=np.full((*trees, sample_size), -1, np.int16),
        random=np.broadcast_to(seeds, trees).copy(),
        shingle=np.zeros((n_series, shingle), np.float32),
        observed=np.zeros((n_series, shingle), np.bool_),
        centre=np.full(n_series, np.nan),
        unit=np.zeros(n_series),
        n_seen=np.zeros(n_series, np.int64),
        n_learned=np.zeros(n_series, np.int64),
        errors=np.zeros((n_series, N_ERRORS), np.float32),
        ring=np.zeros((n_series, N_ERRORS), np.float32),
        n_errors=np.zeros(n_series, np.int64),
    )


def centre_and_unit(history: Floats) -> tuple[Floats, Floats]:
    """(n_series,) each: a middle value of the history, NaN without one, and its spread, 0 where it has none.

    Middle values are values of the series, not means of two, so that rounding is that of the series itself.
    """
    centre, unit = np.full(len(history), np.nan), np.zeros(len(history))
    for row, values in enumerate(history):
        known = values[np.isfinite(values)]
        if known.size:
            middle = (len(known) - 1) // 2
            centre[row] = np.partition(known, middle)[middle]
            bounded = np.clip(known, -LARGEST_VALUE, LARGEST_VALUE)
            distance = np.abs(bounded - np.clip(centre[row], -LARGEST_VALUE, LARGEST_VALUE))
            distance[distance <= ROUNDING * np.abs(centre[row])] = 0.0
            unit[row] = np.partition(distance, middle)[middle] or distance.max()
    return centre, unit

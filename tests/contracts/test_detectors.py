"""What every detector of the registry must do, on its lens's example data."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tests.detectors.slice_funnel import DIMENSIONS, funnel
from tocsin.detectors import Detector, detector_class
from tocsin.errors import InputError
from tocsin.simulate import simulate_publishers


def publishers():
    table, _ = simulate_publishers(n_publishers=400)
    return {}, table.iloc[:300], table.iloc[300:]


EXAMPLES = {
    "slices": lambda: ({"kpi": "clicks / views", "dimensions": DIMENSIONS}, *funnel(0, n_apps=20)[:2]),
    "contextual": publishers,
}
MODES = [(lens, mode) for lens in EXAMPLES for mode in ("calibrated", "faithful")]


@pytest.mark.parametrize(("lens", "mode"), MODES)
def test_scores_state_and_order(lens, mode):
    settings, reference, recent = EXAMPLES[lens]()
    detector = detector_class(lens)(**settings, mode=mode, random_state=0)
    assert isinstance(detector, Detector)
    scores = detector.fit(reference).anomaly_score(recent)
    tested = scores[np.isfinite(scores)]
    assert len(scores) == len(recent)
    assert len(tested)
    assert ((tested >= 0) & (tested < 1)).all()
    again = clone(detector).fit(reference).anomaly_score(recent)
    assert np.array_equal(scores, again, equal_nan=True)
    order = np.random.default_rng(1).permutation(len(recent))
    shuffled = clone(detector).fit(reference.sample(frac=1, random_state=2)).anomaly_score(recent.iloc[order])
    assert shuffled == pytest.approx(scores[order], nan_ok=True, abs=1e-9)
    state = detector.get_state()
    json.dumps(state, default=np.ndarray.tolist, allow_nan=True)
    restored = clone(detector).set_state(state).anomaly_score(recent)
    assert np.array_equal(scores, restored, equal_nan=True)
    assert len(detector.explain(recent))


@pytest.mark.parametrize("mode", ["calibrated", "faithful"])
def test_collections_scores_state_and_order(mode):
    random = np.random.default_rng(0)
    counts = random.poisson(random.gamma(4, 8, (30, 1, 24)), (30, 36, 24))
    days = pd.date_range("2026-01-01", periods=36, freq="D", tz="UTC")
    now = counts[:, 35], days[35]
    detector = detector_class("collections")(mode=mode)
    assert isinstance(detector, Detector)
    scores = detector.fit(counts[:, :35], days[:35]).anomaly_score(*now)
    assert ((scores >= 0) & (scores < 1)).all()
    assert np.array_equal(scores, clone(detector).fit(counts[:, :35], days[:35]).anomaly_score(*now))
    order = random.permutation(30)
    shuffled = clone(detector).fit(counts[order, :35], days[:35]).anomaly_score(counts[order, 35], days[35])
    assert shuffled == pytest.approx(scores[order], abs=1e-9)
    state = detector.get_state()
    json.dumps(state, default=np.ndarray.tolist)
    assert np.array_equal(scores, clone(detector).set_state(state).anomaly_score(*now))
    assert len(detector.explain(*now, entities=[0]))


def test_an_unknown_lens_is_named():
    with pytest.raises(InputError, match="did you mean 'slices'"):
        detector_class("slice")

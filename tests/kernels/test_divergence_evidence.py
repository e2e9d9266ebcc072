"""Evidence of many entities at once is what one entity after another gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import evidence_reference as literal
from tocsin.kernels.divergence_evidence import admit, evidence_divergences, sub_volume_histogram


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 12), st.integers(0, 5), st.sampled_from([1, 9, 1e11])
)
def test_moments_are_those_of_the_definition(seed, n_bins, n_known, n_anomalous, scale):
    random = np.random.default_rng(seed)
    n_normal, n = 12, 3
    counts = np.floor(scale * random.gamma(0.5, size=(n, n_normal + 5 + 1, n_bins))).astype(np.int64)
    counts[:, :-1, 0] += 1  # collections without records are no evidence
    shares = np.zeros((n, n_bins, n_normal + 5), np.float32)
    for k in [*range(n_known), *range(n_normal, n_normal + n_anomalous)]:
        admit(counts[:, k], np.ones(n, bool), shares, np.full(n, k))
    filled = np.tile(np.array([n_known, n_anomalous], np.int32), (n, 1))
    found = evidence_divergences(counts[:, -1], shares, filled, n_normal)
    for i in range(n):
        if n_known == 0:
            assert np.isnan(found[i]).all()
            continue
        normal, anomalous = list(counts[i, :n_known]), list(counts[i, n_normal : n_normal + n_anomalous])
        expected = literal.moments(normal, anomalous, counts[i, -1])
        # a spread has the errors of the divergences that it is of
        largest = max(value for value in expected if value == value)
        assert found[i] == pytest.approx(expected, abs=1e-5 * largest + 1e-7, nan_ok=True)


@given(
    st.lists(st.integers(0, 10**12) | st.integers(0, 30), min_size=1, max_size=40),
    st.floats(1e-3, 1e6) | st.sampled_from([1.0, 0.5, 5e-324]),
)
def test_sub_volumes_are_counted_by_steps(spans, step):
    found = sub_volume_histogram(np.array([spans]), np.array([step]), 8)[0]
    if step == 5e-324:  # every volume above 0 is in the open bin
        assert found[-1] == (np.array(spans) > 0).sum()
        return
    assert found.tolist() == literal.sub_volume_histogram(spans, step, 8).tolist()
    assert found.sum() == (len(spans) if sum(spans) else 0)

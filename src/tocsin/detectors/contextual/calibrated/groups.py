"""Groups of dependent columns by effect size: average linkage, cut where the mean effect between groups is below .5."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from tocsin.detectors.contextual.engine import Context
from tocsin.model import Floats

__all__ = ["dependent_groups"]

CUT = 0.5


def dependent_groups(effects: Floats) -> tuple[Context, ...]:
    """Groups of columns, in the order of their first ones.

    Parameters
    ----------
    effects : (n_columns, n_columns) symmetric, in [0, 1]
    """
    n_columns = len(effects)
    if n_columns < 2:
        return ((0,),) * n_columns
    distance = 1.0 - effects
    np.fill_diagonal(distance, 0.0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), CUT, "distance")
    groups = [tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    return tuple(sorted(groups))

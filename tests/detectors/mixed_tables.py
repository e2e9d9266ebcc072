"""Tables of mixed columns for the tests of the contextual lens."""

import numpy as np
import pandas as pd


def mixed_table(n=300, seed=0):
    """Numbers, counts, categories, an ordered category, dates and holes."""
    random = np.random.default_rng(seed)
    visits = np.exp(random.normal(6, 1.5, n)).round()
    table = pd.DataFrame(
        {
            "visits": visits,
            "price": random.gamma(2.0, 3.0, n),
            "clicks": random.poisson(visits * 0.02),
            "country": random.choice(["DE", "FR", "GB", "US", "PL"], n, p=[0.4, 0.25, 0.2, 0.1, 0.05]),
            "category": pd.Categorical(random.choice(["news", "games", "shop"], n)),
            "size": pd.Categorical(random.choice(["S", "M", "L"], n), categories=["S", "M", "L"], ordered=True),
            "since": pd.Timestamp("2025-06-01") + pd.to_timedelta(random.integers(0, 2000, n), unit="D"),
            "direct": random.random(n) < 0.3,
        }
    )
    table.loc[random.random(n) < 0.1, "price"] = np.nan
    table.loc[random.random(n) < 0.1, "country"] = None
    return table

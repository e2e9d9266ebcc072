"""Tables with contextual outliers of known truth."""

import numpy as np
import pandas as pd


def priced_table(seed, n_rows=1500, n_outliers=15):
    """Price and rate follow from country and category together; the first rows have those of another pair.

    Every value, and every pair of values of the two, is common. Returns the table and which rows are outliers.
    """
    random = np.random.default_rng(seed)
    country, category = random.integers(0, 6, n_rows), random.integers(0, 5, n_rows)
    level = random.integers(0, 4, (6, 5))[country, category]
    outlier = np.arange(n_rows) < n_outliers
    level = np.where(outlier, (level + random.integers(1, 4, n_rows)) % 4, level)
    table = pd.DataFrame(
        {
            "country": np.array(["DE", "FR", "IT", "ES", "PL", "NL"])[country],
            "category": np.array(["news", "games", "sports", "video", "music"])[category],
            "price": level * 10.0 + random.integers(0, 2, n_rows),
            "rate": np.round(1 / (level + 1), 2) + 0.01 * random.integers(0, 2, n_rows),
            "visitors": random.integers(0, 3, n_rows),
        }
    )
    return table, outlier


def twin_table(seed, n_rows=600):
    """Numbers of two groups, dependent within and independent between, and a category of its own."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, n_rows, 1))
    numbers = np.hstack([first + 0.4 * random.normal(size=(n_rows, 3)), second + 0.4 * random.normal(size=(n_rows, 3))])
    table = pd.DataFrame(numbers, columns=["a1", "a2", "a3", "b1", "b2", "b3"])
    table["kind"] = random.choice(["x", "y", "z"], n_rows)
    return table

"""What explanations say is true of the table: their sentences are read back and the rows they name are counted."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.detectors.contextual_tables import priced_table
from tocsin import ConOut
from tocsin.detectors.contextual.columns import TableSchema, canonical_order
from tocsin.detectors.contextual.engine import Winning
from tocsin.detectors.contextual.explain import Reference, explain_rows

RANDOM = np.random.default_rng(0)
N = 2000
TABLE = pd.DataFrame(
    {
        "country": RANDOM.choice(["DE", "FR", "a, b = c"], N, p=[0.5, 0.4, 0.1]),
        "visitors": np.round(10 ** RANDOM.uniform(2, 5, N)),
        "share": RANDOM.uniform(0, 1, N),
        "price": RANDOM.normal(5, 1, N),
        "since": pd.Timestamp("2026-01-01") - pd.to_timedelta(RANDOM.integers(0, 900, N), "D"),
    }
)
SUFFIX = {"": 1, "k": 1e3, "M": 1e6}


def explained(rows, context, n_columns=5, reference_rows=None, table=TABLE):
    """Lines about some rows in a context of named columns; all other columns have equal shares."""
    schema = TableSchema.learn(table)
    encoded = schema.encode(table)
    names = (*schema.number_names, *schema.category_names)
    places = tuple(sorted(names.index(name) for name in context))
    order = canonical_order(encoded, schema)
    reference = Reference.of(encoded, order if reference_rows is None else order[:reference_rows], RANDOM)
    shares = np.full((len(rows), 1, n_columns), 1 / n_columns)
    winning = Winning((places,), np.zeros((len(rows), 1), np.int64), shares)
    return explain_rows(schema, encoded.take(rows), np.full(len(rows), 0.5), winning, reference)


def number(text):
    figure, suffix = re.fullmatch(r"(-?[\d,.]+)([kM]?)", text).groups()
    return float(figure.replace(",", "")) * SUFFIX[suffix]


def selected(sentence, table=TABLE):
    """The rows of the table that a sentence about country, visitors and share describes."""
    rows = pd.Series(True, table.index)
    country = re.match(r"country = (DE|FR|a, b = c)", sentence)
    if country:
        rows &= table["country"] == country[1]
    for name, low, high in re.findall(r"(visitors|share) (\S+) to ([\d.,]+[kM]?)(?=, |$)", sentence):
        rows &= table[name].between(number(low), number(high))
    return rows


@pytest.mark.parametrize("context", [("country",), ("country", "visitors"), ("visitors", "share"), ()])
def test_the_sentence_describes_exactly_the_peers_counted(context):
    rows = np.arange(40)
    lines = explained(rows, context)
    for row, part in lines.groupby("row"):
        first = part.iloc[0]
        peers = selected(first["sub_population"])
        assert peers[row]
        assert first["n_peers"] == peers.sum() >= 30
        assert first["context"] == ", ".join(sorted(context, key=lambda name: (name == "country", name)))
        price = part[part["indicator"] == "price"].iloc[0]
        low, middle, high = TABLE.loc[peers, "price"].quantile([0.1, 0.5, 0.9])
        assert (price["lower"], price["median"], price["upper"]) == pytest.approx((low, middle, high))
        assert price["value"] == TABLE["price"][row]
        assert set(part["indicator"]) == set(TABLE.columns) - set(context)


def test_peers_are_the_nearest_in_the_context_and_not_the_row_itself():
    lines = explained(np.arange(30), ("country", "visitors"))
    for row, part in lines.groupby("row"):
        peers = [int(peer) for peer in part["peers"].iloc[0].split(", ")]
        assert len(peers) == 5
        assert row not in peers
        same = TABLE[(TABLE["country"] == TABLE["country"][row]) & (TABLE.index != row)]
        gaps = (same["visitors"] - TABLE["visitors"][row]).abs().sort_values()
        assert (TABLE["visitors"][peers] - TABLE["visitors"][row]).abs().max() <= gaps.iloc[4]


def test_a_date_reads_from_the_earlier_to_the_later():
    line = explained(np.arange(1), ("since",)).iloc[0]
    low, high = re.fullmatch(r"since (\S+) to (\S+)", line["sub_population"]).groups()
    inside = TABLE["since"].between(low, high)
    assert low < high
    assert inside[0]
    assert line["n_peers"] == inside.sum()
    other = explained(np.arange(1), ("country",))
    since = other[other["indicator"] == "since"].iloc[0]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \(20(23|24)-\d\d-\d\d to 2025-\d\d-\d\d\)", since["expected"])


def test_of_a_sample_the_peers_are_estimated():
    schema = TableSchema.learn(TABLE)
    encoded = schema.encode(TABLE)
    half = Reference.of(encoded, np.arange(0, N, 2), RANDOM)
    counted = Reference(half.table, half.rows, N, half.scaling).count(np.ones(N // 2, np.bool_))
    assert counted == N


def test_a_row_of_rare_or_unseen_categories_is_compared_with_what_there_is():
    detector = ConOut(mode="faithful", contexts=[["country", "category"]], random_state=0)
    table, _ = priced_table(0, n_rows=400)
    detector.fit(table)
    line = detector.explain(table[:1].assign(country="Atlantis")).iloc[0]
    assert line["sub_population"] == f"category = {table['category'][0]}"
    assert line["n_peers"] == (table["category"] == table["category"][0]).sum()


def test_hostile_names_stay_in_one_visible_line():
    table, _ = priced_table(0, n_rows=300)
    hostile = table.rename(columns={"country": "coun\ntry\x1b[31m", "price": "pri\u202ece"})
    hostile["coun\ntry\x1b[31m"] = hostile["coun\ntry\x1b[31m"] + "\n=1+1"
    detector = ConOut(mode="faithful", contexts=[["coun\ntry\x1b[31m"]], random_state=0).fit(hostile)
    lines = detector.explain(hostile[:3])
    for text in [*lines["context"], *lines["sub_population"], *lines["observed"], *lines["expected"]]:
        assert text.isprintable()
    assert set(lines["indicator"]) <= set(hostile.columns)  # names as they are, to look columns up by


def test_lines_are_sorted_and_shares_are_parts_of_one():
    table, outlier = priced_table(1, n_rows=800)
    detector = ConOut(mode="faithful", random_state=0).fit(table)
    lines = detector.explain(table[:40])
    assert lines["row"].is_monotonic_increasing
    assert set(lines["row"]) == set(range(40))
    assert lines.groupby("row")["share"].sum().max() <= 1 + 1e-9
    assert all(part["share"].is_monotonic_decreasing for _, part in lines.groupby("row"))
    assert lines["anomaly_score"].to_numpy() == pytest.approx(detector.anomaly_score(table[:40])[lines["row"]])
    assert outlier[:15].all()

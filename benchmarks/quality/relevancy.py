"""What answers are worth on labelled tables, as Markdown for docs/benchmarks.md.

    python benchmarks/quality/relevancy.py --data FOLDER [--names "conout_*" "adbench_*"] [--splits 5] [--rows 20000]

Each table (Parquet, a column `label`) is split in two halves. An isolation forest reports about as many rows of each as
are anomalous; an oracle answers about rows of the first half, drawn at random among those reported. Gain: F1 on the
second half less the forest's, with as many rows reported. Embeddings are 10 principal components of normal scores.
Compared: the default mode; the paper's clusters, with 12 clusters and pseudo-answers, and to the letter; and a mean of
the default mode's log-odds with those of 200 extremely randomised trees (from 20 answers on), which was not adopted.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import sklearn  # noqa: E402
from scipy.special import logit  # noqa: E402
from scipy.stats import genpareto, norm  # noqa: E402
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest  # noqa: E402

from tocsin import Relevancy  # noqa: E402
from tocsin.model import Bools, Floats, Ints  # noqa: E402

ANSWERS = (5, 10, 20, 50, 100)
METHODS = {
    "default": {},
    "12 clusters": {"mode": "faithful", "n_clusters": 12, "clip": (0.2, 5.0), "pseudo_counts": 5.0},
    "the paper's": {"mode": "faithful"},
}
BLEND = "default and trees"


class Half:
    """The candidates of half a table."""

    def __init__(self, embeddings: Floats, surprise: Floats, wanted: Bools, above: float) -> None:
        kept = surprise > above
        self.n_wanted = int(wanted.sum())
        self.embeddings, self.surprise, self.wanted = embeddings[kept], surprise[kept], wanted[kept]

    def f1(self, chosen: Bools) -> float:
        return float(2 * (chosen & self.wanted).sum() / max(chosen.sum() + self.n_wanted, 1))


def surprises(reference: Floats, scores: Floats) -> Floats:
    """-log10 of the tail probability among the reference, generalised Pareto above its 98 % quantile."""
    reference = np.sort(reference)
    start = np.quantile(reference, 0.98)
    shape, _, scale = genpareto.fit(reference[reference > start] - start, floc=0)
    below = np.searchsorted(reference, scores, side="right") / (len(reference) + 1)
    tail = np.log(0.02) + genpareto.logsf(np.maximum(scores - start, 0), np.clip(shape, 0.0, 0.9), 0, scale)
    found: Floats = np.where(scores > start, -tail, -np.log1p(-below)) / np.log(10)
    return found


def normal_scores(reference: Floats, table: Floats) -> Floats:
    columns = []
    for known, column in zip(np.sort(reference, axis=0).T, table.T, strict=True):
        rank = (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right") + 1) / 2
        columns.append(norm.ppf(np.clip(rank / (len(known) + 1), 1e-4, 1 - 1e-4)))
    return np.column_stack(columns)


def halves(data: pd.DataFrame, split: int, n_rows: int) -> tuple[Half, Half, float]:
    wanted = data["label"].to_numpy(bool)
    table = pd.get_dummies(data.drop(columns="label"), dtype=float).to_numpy()
    learn, measure = np.array_split(np.random.default_rng(split).permutation(len(table))[:n_rows], 2)
    forest = IsolationForest(n_estimators=200, random_state=split).fit(table[learn])
    raw = [-forest.score_samples(table[rows]) for rows in (learn, measure)]
    surprise = [surprises(raw[0], scores) for scores in raw]
    gauss = [normal_scores(table[learn], table[rows]) for rows in (learn, measure)]
    axes = np.linalg.svd(gauss[0] - gauss[0].mean(axis=0), full_matrices=False)[2][:10].T
    embeddings = [(scores - gauss[0].mean(axis=0)) @ axes for scores in gauss]
    share = min(0.25, max(wanted[learn].mean(), 0.005) + 0.01)
    threshold = float(np.quantile(surprise[0], 1 - share))
    above = float(np.quantile(surprise[0], 1 - min(0.5, 3 * share)))
    first, second = (
        Half(*parts, above) for parts in zip(embeddings, surprise, (wanted[learn], wanted[measure]), strict=True)
    )
    return first, second, threshold


def with_trees(model: Relevancy, first: Half, rows: Ints, second: Half, seed: int) -> Floats:
    """The default mode's log-odds, half and half with those of trees."""
    score = model.adjusted_score(second.embeddings, second.surprise, 0.0)
    wanted, n = first.wanted[rows], len(rows)
    if n < 20 or wanted.all() or not wanted.any():
        return score
    trees = ExtraTreesClassifier(200, random_state=seed).fit(first.embeddings[rows], wanted)
    share = (trees.predict_proba(second.embeddings)[:, 1] * n + 1) / (n + 2)
    prior = np.arcsinh(second.surprise - model.threshold)
    mixed: Floats = 0.5 * score + 0.5 * (prior + 1.5 * n / (n + 10) * logit(share))
    return mixed


def gains(data: pd.DataFrame, splits: int, n_rows: int) -> tuple[float, dict[tuple[str, int], Floats]]:
    """The forest's mean F1, and the gain of (method, number of answers), a number a split."""
    bases, found = [], {}
    for split in range(splits):
        first, second, threshold = halves(data, split, n_rows)
        base = second.surprise > threshold
        bases.append(second.f1(base))
        random, reported = np.random.default_rng(split), first.surprise > threshold
        order = np.concatenate([random.permutation(np.flatnonzero(side)) for side in (reported, ~reported)])
        for n in ANSWERS:
            rows = order[:n]
            labels, zeros = np.where(first.wanted[rows], 1, -1), np.zeros(len(rows))
            for name, settings in METHODS.items():
                model = Relevancy(threshold=threshold, random_state=split, **settings).prepare(first.embeddings)
                model.fit(first.embeddings[rows], first.surprise[rows], labels, zeros)
                score = model.adjusted_score(second.embeddings, second.surprise, 0.0)
                found.setdefault((name, n), []).append(_gain(second, score, base))
                if name == "default":
                    mixed = with_trees(model, first, rows, second, split)
                    found.setdefault((BLEND, n), []).append(_gain(second, mixed, base))
    return float(np.mean(bases)), {key: np.array(values) for key, values in found.items()}


def _gain(half: Half, score: Floats, base: Bools) -> float:
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-score, kind="stable")[: base.sum()]] = True
    return half.f1(chosen) - half.f1(base)


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--names", nargs="+", default=["conout_*", "adbench_*"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000)
    chosen = parser.parse_args()
    started = time.process_time()
    paths = sorted({path for name in chosen.names for path in chosen.data.glob(f"{name}.parquet")})
    bases, tables = {}, {}
    for path in paths:
        data = pd.read_parquet(path)
        if "label" in data.columns and data["label"].sum() >= 10:
            bases[path.stem], tables[path.stem] = gains(data, chosen.splits, chosen.rows)
    names = [*METHODS, BLEND]
    print(f"{len(tables)} tables, {chosen.splits} splits; numpy {np.__version__}, scikit-learn {sklearn.__version__}; "
          f"{time.process_time() - started:.0f} CPU s; forest's F1 {np.mean(list(bases.values())):.3f}\n")  # fmt: skip
    print(row("gain in F1, ± standard error over tables", *(f"{n} answers" for n in ANSWERS)))
    print("|---" * (len(ANSWERS) + 1) + "|")
    for name in names:
        values = np.array([[table[name, n].mean() for n in ANSWERS] for table in tables.values()])
        errors = values.std(axis=0, ddof=1) / len(values) ** 0.5
        cells = (f"{mean:+.3f} ± {error:.3f}" for mean, error in zip(values.mean(axis=0), errors, strict=True))
        print(row(name, *cells))
    lowest = {name: min((standing(found[name, n]), table, n) for table, found in tables.items() for n in ANSWERS)
              for name in names}  # fmt: skip
    print("\nLowest gain of all tables and numbers of answers, in standard errors over splits:")
    for name, (value, table, n) in lowest.items():
        print(f"* {name}: {value:+.1f} ({table}, {n} answers: {tables[table][name, n].mean():+.3f})")
    others = names[1:]
    heads = (*(f"{n} answers" for n in ANSWERS), *(f"{name}, {ANSWERS[-1]}" for name in others))
    print("\n" + row("default", "forest's F1", *heads) + "\n" + "|---" * (len(heads) + 2) + "|")
    for table, found in tables.items():
        shown = [found["default", n] for n in ANSWERS] + [found[name, ANSWERS[-1]] for name in others]
        print(row(table, f"{bases[table]:.3f}", *(f"{values.mean():+.3f}" for values in shown)))


def standing(values: Floats) -> float:
    """The mean in standard errors; 0 where nothing was gained or lost in any split."""
    if not values.any():
        return 0.0
    error = values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean() / error) if error > 0 else float(np.copysign(np.inf, values.mean()))


if __name__ == "__main__":
    main()

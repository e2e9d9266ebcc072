"""Quality of the collections lens: the paper's tables, modes beside drift tests, power; as Markdown for the docs.

    python benchmarks/quality/collection.py [--data FOLDER] [--quick] [--seed 0] [--out FILE.json] [--only PART]…

(The file is not called collections.py because that, beside a script, hides Python's own module.) Without --data the
volumes are simulated. A folder may hold koubei_daily.parquet (shop_id, date, count): shop 1629 for the paper's tables
and the comparison, other shops by volume; bike_sharing_hourly.parquet and online_retail.parquet: real hourly days.
Parts: paper, compare, shops, hours, power. Detectors see the evidence days, then one day after the other; only the
faithful mode is told alpha and ten anomalies of the true kind and magnitude.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from tocsin.cli.render_collections import write_frames  # noqa: E402
from tocsin.evaluate import (  # noqa: E402
    ALPHAS,
    PAPER_TABLES,
    REMARKS,
    collection_contestants,
    compare_collections,
    measure_power,
    paper_tables,
)
from tocsin.farming import (  # noqa: E402
    bands_trials,
    hours_trials,
    paper_sellers,
    shop_trials,
    simulated_draw,
    volumes_of_shop,
)
from tocsin.simulate import KINDS  # noqa: E402

PARTS = ("paper", "compare", "shops", "hours", "power")


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def heading(*cells: str) -> str:
    return f"{row(*cells)}\n|{'---|' * len(cells)}"


def beside(value: float, error: float, printed: float) -> str:
    ours = f"{100 * value:.1f}" + ("" if np.isnan(error) else f" ± {100 * error:.1f}")
    return ours if np.isnan(printed) else f"{ours} ({100 * printed:.4g})"


def print_paper(result) -> None:
    print("\n### The paper's tables\n\nPer cent, ± standard error over sellers; in brackets as printed.\n")
    print(heading("table", "detector", "level", "kind", "alpha", "TPR", "FPR", "ACC", "AUC"))
    for one in result.rows.itertuples():
        figures = [
            beside(getattr(one, name), getattr(one, f"{name}_se"), getattr(one, f"paper_{name}"))
            for name in ("tpr", "fpr", "accuracy")
        ]
        print(row(one.table, one.detector, one.level or "", one.kind, f"{one.alpha:g}", *figures, f"{one.auc:.3f}"))
    print()
    for one in result.differences.itertuples():
        points = f"{one.mean_points:.1f} points, largest {one.largest_points:.1f}"
        print(f"Table {one.table}: mean |difference of ACC| {points}.")
    if len(result.thresholds):
        print("\n" + heading("Table V, equation", "sum of four F1", "as printed"))
        for one in result.thresholds.itertuples():
            error = "" if np.isnan(one.f1_sum_se) else f" ± {one.f1_sum_se:.2f}"
            print(row(one.equation, f"{one.f1_sum:.2f}{error}", f"{one.paper:.2f}"))
        both = result.thresholds[result.thresholds["equation"] != 6]
        print(f"\nRank correlation with the paper, without eq. 6: {both['f1_sum'].corr(both['paper'], 'spearman'):.3f}")
    if len(result.roc):
        wide = result.roc.pivot_table(index=["detector", "level", "kind"], columns="fpr", values="tpr", sort=False)
        print("\nROC, alpha .1: TPR at a false-positive rate of\n")
        print(heading("detector", "level", "kind", *(f"{rate:.0%}" for rate in wide.columns)))
        for key, values in zip(wide.index, wide.to_numpy(), strict=True):
            print(row(key[0], key[1] or "", key[2], *(f"{100 * value:.0f}" for value in values)))
    for table, reason in result.not_run.items():
        print(f"\nNot run: Table {table}: {reason}")
    print("\n" + "\n".join(f"* {remark}" for remark in REMARKS))


def print_compared(title: str, result) -> None:
    print(f"\n### {title}\n\nFound of the farmed / flagged of the clean days, per cent (AUC); * is told.\n")
    detectors = list(dict.fromkeys(zip(result.rates["detector"], result.rates["told"], strict=True)))
    print(heading("set", "alpha", "attack", "farmed, clean", *(f"{name}{'*' * told}" for name, told in detectors)))
    for (name, alpha, kind, size), cells in result.rates.groupby(["set", "alpha", "kind", "magnitude"], sort=False):
        of = {one.detector: one for one in cells.itertuples()}
        figures = []
        for detector, _ in detectors:
            one = of.get(detector)
            if one is None:
                figures.append("–")
            elif np.isnan(one.tpr):
                figures.append(f"– / {100 * one.fpr:.1f}")
            else:
                figures.append(f"{100 * one.tpr:.0f} / {100 * one.fpr:.1f} ({one.auc:.3f})")
        days = f"{cells['n_farmed'].iloc[0]:,}, {cells['n_clean'].iloc[0]:,}"
        attack = "clean" if kind == "none" else f"{kind} {size:g}"
        print(row(name, f"{alpha:g}", attack, days, *figures))
    print()
    pooled = result.rates.assign(flagged=result.rates["fpr"] * result.rates["n_clean"])
    pooled = pooled.groupby(["set", "alpha", "detector"], sort=False)[["flagged", "n_clean"]].sum().reset_index()
    for (name, alpha), cells in pooled.groupby(["set", "alpha"], sort=False):
        figures = (f"{one.detector} {100 * one.flagged / one.n_clean:.2f}" for one in cells.itertuples())
        print(f"* false positives, {name}, alpha {alpha:g}, all together, per cent: {', '.join(figures)}")
    for one in result.failures.itertuples():
        print(f"* no answer: {one.set}: {one.detector}: {one.reason}")


def print_power(result) -> None:
    print(f"\n### Power by volume, {result.detector}\n")
    sizes = sorted(result.curves["magnitude"].unique())
    print(heading("kind", "records a day", *(f"{size:g}" for size in sizes), "flagged clean", "found half the time"))
    for (kind, band), cells in result.curves.groupby(["kind", "band"], sort=False):
        half = result.smallest[(result.smallest["kind"] == kind) & (result.smallest["band"] == band)].iloc[0]
        said = f"none up to {sizes[-1]:g}" if np.isnan(half["magnitude"]) else f"{half['magnitude']:.2f}"
        said = f"at most {said}" if half["at_most"] else said
        figures = (f"{100 * value:.0f}" for value in cells.sort_values("magnitude")["found"])
        print(row(kind, f"{band:,}", *figures, f"{100 * half['false_positives']:.1f} %", said))


def real_hours(data: Path) -> dict[str, pd.DataFrame]:
    """Long tables date, hour, count of those files that are there."""
    tables = {}
    if (bikes := data / "bike_sharing_hourly.parquet").exists():
        table = pd.read_parquet(bikes)
        tables["bike sharing"] = pd.DataFrame({"date": table["dteday"], "hour": table["hr"], "count": table["cnt"]})
    if (retail := data / "online_retail.parquet").exists():
        lines = pd.read_parquet(retail, columns=["InvoiceNo", "InvoiceDate"])
        lines = lines[~lines["InvoiceNo"].astype(str).str.startswith("C")].drop_duplicates("InvoiceNo")
        when = lines["InvoiceDate"].dt
        tables["online retail"] = pd.DataFrame({"date": when.normalize(), "hour": when.hour, "count": 1})
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    arguments = parser.parse_args()
    seed, quick, data = arguments.seed, arguments.quick, arguments.data
    shops = None
    if data is not None and (data / "koubei_daily.parquet").exists():
        shops = pd.read_parquet(data / "koubei_daily.parquet")
    days, volumes = volumes_of_shop(shops, "1629" if shops is not None else None, seed)
    name = "shop 1629" if shops is not None else "simulated shop"
    detectors, frames = collection_contestants(), {}
    if "paper" in arguments.only:
        sellers, periods = paper_sellers(days, volumes, n_sellers=1 if quick else 4, seed=seed)
        paper = paper_tables(sellers, periods, tables=PAPER_TABLES, alphas=ALPHAS[::4] if quick else ALPHAS)
        print_paper(paper)
        frames |= {part: getattr(paper, part) for part in ("rows", "thresholds", "roc", "differences", "not_run")}
    compared = {}
    if "compare" in arguments.only:
        compared[name] = shop_trials(days, volumes, name=name, copies=2 if quick else 12, seed=seed)
    if "shops" in arguments.only and shops is not None:
        compared["other shops"] = bands_trials(shops, n_a_cell=1 if quick else 4, without=("1629",), seed=seed)
    if "hours" in arguments.only and data is not None:
        for table_name, table in real_hours(data).items():
            compared[table_name] = hours_trials(table, name=table_name, repeats=1 if quick else 6, seed=seed)
    for title, trials in compared.items():
        result = compare_collections(trials, detectors)
        print_compared(title, result)
        frames[title] = result.rates
    if "power" in arguments.only:
        draw, bands = simulated_draw(n_a_band=6 if quick else 40, seed=seed)
        (calibrated,) = collection_contestants(["calibrated"])
        power = measure_power(draw, bands, calibrated, kinds=KINDS)
        print_power(power)
        frames |= {"power curves": power.curves, "power": power.smallest}
    if arguments.out is not None:
        write_frames(frames, arguments.out)


if __name__ == "__main__":
    main()

"""Quality of the slices detector on simulated funnels: calibration by size, false discoveries, power.

    python benchmarks/quality/slices.py [--seeds 5] [--only NAME]

Each scenario is run clean (shares of p under .05 and .01 by expected count, at leaf level and of the roll-ups) and with
a 50 % drop in 2 % of the leaf slices: false-discovery rate and power of the detector's q-values at .1, beside
Benjamini-Hochberg on the same p-values, the article's rule (faithful mode), and a plain |z| > 2 or 2 x IQR fence of the
old values.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from slices_funnels import Funnel, Scenario, simulate

from tocsin import SliceDetector
from tocsin.detectors.slices.multiple import benjamini_hochberg

SCENARIOS = (
    Scenario("daily"),
    Scenario("two weeks", n_windows=14),
    Scenario("two months", n_windows=60),
    Scenario("heavy overdispersion", tau=0.3, tau_log_sd=0.8),
    Scenario("little overdispersion", tau=0.02, tau_log_sd=0.3),
    Scenario("three dimensions", sizes=(6, 12, 40), views_log_mean=6.5),
    Scenario("few slices", sizes=(4, 12), views_log_mean=8.0),
    Scenario("weekly season by country", n_windows=42, season=0.25, own_phase=True),
    Scenario("hourly, time zones", sizes=(20, 60), n_windows=14 * 24, hours=1, season=0.4, own_phase=True),
    Scenario("high rates", rate=0.4, tau=0.05),
    Scenario("counts", count_only=True, kpi="clicks", tau=0.15),
    Scenario("counts, time zones", sizes=(20, 60), n_windows=14 * 24, hours=1, season=0.6, own_phase=True,
             count_only=True, kpi="clicks"),
    Scenario("a tenth damaged", damaged=0.1),
)  # fmt: skip
SIZES = {"5 to 15": (5, 15), "15 to 60": (15, 60), "60 to 300": (60, 300), "over 300": (300, np.inf)}


def detect(funnel: Funnel, scenario: Scenario, **settings: object) -> pd.DataFrame:
    detector = SliceDetector(kpi=scenario.kpi, dimensions=funnel.dimensions, **settings)
    result = detector.fit(funnel.reference).score(funnel.recent)
    is_leaf = result[funnel.dimensions].notna().all(axis=1)
    result = result.merge(funnel.slices, on=funnel.dimensions, how="left")
    return result.assign(is_leaf=is_leaf.to_numpy())


def plain_rule(funnel: Funnel, scenario: Scenario) -> pd.DataFrame:
    """|z| > 2 against the old values' own deviation, or outside the fence of 2 IQR around their quartiles."""
    tables = []
    for table in (funnel.reference, funnel.recent):
        kpi = table["clicks"] / (1 if scenario.count_only else table["views"])
        tables.append(table[funnel.dimensions].assign(kpi=kpi))
    groups = tables[0].groupby(funnel.dimensions)["kpi"]
    old = pd.concat([groups.mean(), groups.std(), groups.quantile(0.25), groups.quantile(0.75)], axis=1)
    old.columns = ["mean", "sd", "first", "third"]
    joined = tables[1].merge(old.reset_index(), on=funnel.dimensions).merge(funnel.slices, on=funnel.dimensions)
    reach = 2 * (joined["third"] - joined["first"])
    outside = (joined["kpi"] < joined["first"] - reach) | (joined["kpi"] > joined["third"] + reach)
    return joined.assign(flagged=((joined["kpi"] - joined["mean"]).abs() > 2 * joined["sd"]) | outside)


def calibration(scenario: Scenario, seeds: range) -> None:
    rows = pd.concat([detect(simulate(scenario, seed), scenario) for seed in seeds])
    tested = rows[rows["p_value"].notna()]
    leaf = tested[tested["is_leaf"]]
    parts = {"roll-ups": tested[~tested["is_leaf"]], "leaf": leaf}
    parts |= {f"leaf, {name} expected": leaf[leaf["expected_amount"].between(*size)] for name, size in SIZES.items()}
    for name, part in parts.items():
        if len(part) >= 200:
            p = part["p_value"]
            print(f"    {name:26s} {len(part):7,d}   p < .05 {(p < 0.05).mean():.4f}   p < .01 {(p < 0.01).mean():.4f}")
    print(f"    flagged a window, clean: {rows['flagged'].sum() / len(seeds):.2f}")


def discoveries(scenario: Scenario, seeds: range) -> None:
    found: dict[str, list[tuple[int, int, float, float]]] = {}
    for seed in seeds:
        funnel = simulate(scenario, 1_000 + seed, drop=0.5, share=0.02)
        ours = detect(funnel, scenario)
        ours = ours[ours["is_leaf"]]
        tested = ours[ours["p_value"].notna()]
        methods = {
            "calibrated": ours[ours["flagged"]],
            "same p, Benjamini-Hochberg": tested[benjamini_hochberg(tested["p_value"].to_numpy()) <= 0.1],
            "plain z or IQR": (plain := plain_rule(funnel, scenario))[plain["flagged"]],
        }
        if scenario.n_windows <= 60:
            faithful = detect(funnel, scenario, mode="faithful", random_state=seed)
            methods["faithful"] = faithful[faithful["flagged"]]
        truth = funnel.slices[funnel.slices["attacked"]]
        large = truth["expected_clicks"] > 15
        for name, flagged in methods.items():
            hits = flagged["attacked"].astype(bool)
            fdr = float((~hits).mean()) if len(flagged) else 0.0
            power = float((flagged[hits]["expected_clicks"] > 15).sum() / max(large.sum(), 1))
            found.setdefault(name, []).append((len(flagged), int(hits.sum()), fdr, power))
    for name, values in found.items():
        flags, hits, fdr, power = np.mean(values, axis=0)
        print(f"    {name:28s} flags {flags:7.1f}  true {hits:6.1f}  FDR {fdr:.3f}  power over 15 expected {power:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="run the scenarios whose name contains this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    for scenario in SCENARIOS:
        if arguments.only and arguments.only not in scenario.name:
            continue
        print(
            f"{scenario.name}: {' x '.join(map(str, scenario.sizes))} slices, {scenario.n_windows} windows", flush=True
        )
        calibration(scenario, range(arguments.seeds))
        discoveries(replace(scenario), range(arguments.seeds))


if __name__ == "__main__":
    main()

"""A monitor of series by the network: learned once a week, kept in the store, the same in any number of runs."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.courses import CONFIG, FIRST, HOUR, START, Shop, events, scaled
from tocsin.detectors import series as detectors

pytest.importorskip("torch", reason="torch is not installed (pip install 'tocsin[deep]')")
pytestmark = pytest.mark.deep

DROP = range(FIRST + 30, FIRST + 33)
END = FIRST + 36
CONFIG_DEEP = CONFIG.replace('kind = "series"', 'kind = "series"\ndetector = "deep_ar"')
RUN_WITHOUT_TORCH = """
import sys
from datetime import datetime
from tocsin.pipeline import run
report = run(sys.argv[1], now=datetime.fromisoformat(sys.argv[2]))
assert report.monitors[0].runs, "nothing was judged"
assert "torch" not in sys.modules
"""


def test_a_drop_rings_whether_windows_came_at_once_or_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was learned (here in few steps) is scored by a kernel: a run within the week does not import torch."""
    monkeypatch.setattr(detectors, "DeepAR", partial(detectors.DeepAR, n_steps=60), raising=False)
    table = events(scaled("DE", DROP.start, DROP.stop, 0.3))
    whole, pieces = Shop(tmp_path / "whole"), Shop(tmp_path / "pieces")
    for shop in (whole, pieces):
        shop.write(table, CONFIG_DEEP)
    whole.backfill(FIRST, END)
    pieces.backfill(FIRST, FIRST + 20)
    pieces.backfill(FIRST + 20, FIRST + 31)
    pieces.backfill(FIRST + 31, END)
    assert pieces.facts() == whole.facts()
    with whole.store() as store:
        begins = {(item.first.start, item.headline[:5]) for item in store.incidents() if "country DE" in item.headline}
    assert (START + DROP.start * HOUR, "down ") in begins
    now = START + (END + 2) * HOUR
    words = [sys.executable, "-c", RUN_WITHOUT_TORCH, str(whole.config), now.isoformat()]
    subprocess.run(words, check=True, timeout=300)

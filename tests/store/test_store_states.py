"""What lenses keep before windows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tocsin.model import Window
from tocsin.pipeline.memory import Kept, Memory, keep
from tocsin.store import Store

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


def kept(window: int, n_shards: int = 1, value: int = 0) -> Kept:
    shards = [({"counts": np.full((3, 2), value + shard)}, {"shard": shard}) for shard in range(n_shards)]
    return Kept(window, tuple(shards))


def put(store: Store, *states: Kept, n_kept: int = 2) -> None:
    with store.window_transaction("m", WINDOW) as transaction:
        keep(transaction, states, n_kept, START)


def windows(store: Store) -> list[int]:
    return sorted({int(name.split("-")[1]) for name in store.state_names("m")})


def test_shards_come_back_in_their_order(store: Store) -> None:
    put(store, kept(7, n_shards=12, value=5))
    found = Memory(store, "m").kept(7)
    assert [shard.meta["shard"] for shard in found] == list(range(12))
    assert [int(shard.arrays["counts"][0, 0]) for shard in found] == list(range(5, 17))
    assert Memory(store, "m").kept(8) == []
    assert Memory(store, "other").kept(7) == []


def test_only_the_newest_are_kept(store: Store) -> None:
    for window in range(8, 12):
        put(store, kept(window))
    assert windows(store) == [10, 11]
    put(store, kept(3))
    assert windows(store) == [10, 11], "one of a backfill of older windows is not"
    put(store, kept(11, n_shards=2), kept(12), n_kept=3)
    assert windows(store) == [10, 11, 12]
    newest = Memory(store, "m").newest()
    assert newest is not None
    assert newest.meta == {"shard": 0}


def test_a_state_is_replaced_with_all_its_shards(store: Store) -> None:
    put(store, kept(7, n_shards=5))
    put(store, kept(7, n_shards=2, value=40))
    assert [int(shard.arrays["counts"][0, 0]) for shard in Memory(store, "m").kept(7)] == [40, 41]


def test_nothing_is_lost_when_the_transaction_fails(store: Store) -> None:
    put(store, kept(7), kept(8))

    def fail() -> None:
        with store.window_transaction("m", WINDOW) as transaction:
            keep(transaction, [kept(9)], 1, START)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert windows(store) == [7, 8]


def test_other_states_of_the_monitor_stay(store: Store) -> None:
    store.put_state("m", "a detector's own", 1, {"x": np.ones(2)}, {}, at=START)
    put(store, kept(7), kept(8), kept(9), n_kept=1)
    assert store.state_names("m") == ["a detector's own", "before-000000000009-000000"]
    assert Memory(store, "m").newest() is not None

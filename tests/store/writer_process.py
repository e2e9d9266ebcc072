"""A process of its own that writes windows to a store, to be killed or run beside others: URL FIRST LAST.

It says that it is ready, and begins when it is given a line.
"""

from __future__ import annotations

import sys

from tests.store.conftest import make_alert, make_anomaly, make_incident, make_run, window
from tocsin.model import Change, IncidentState
from tocsin.store import Store

N_ANOMALIES = 40


def write_windows(url: str, first: int, last: int) -> None:
    with Store.open(url) as store:
        for index in range(first, last):
            with store.window_transaction("ctr", window(index)) as transaction:
                if transaction.previous is not None:
                    continue
                anomalies = [make_anomaly(index, str(part)) for part in range(N_ANOMALIES)]
                open_now = [item for item in transaction.live_incidents() if item.state is IncidentState.OPEN]
                incidents = [item.evolve(state=IncidentState.CLOSED) for item in open_now]
                alerts = [make_alert(item, Change.CLOSED) for item in incidents]
                opened = make_incident(index, index, tuple(item.id for item in anomalies))
                transaction.write(make_run(index), anomalies, [*incidents, opened], [*alerts, make_alert(opened)])
            print(index, flush=True)


if __name__ == "__main__":
    Store.open(sys.argv[1]).close()
    print("ready", flush=True)
    sys.stdin.readline()
    write_windows(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

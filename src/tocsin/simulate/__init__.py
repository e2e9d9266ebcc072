"""Data with known truth: funnels with troubles, publishers with fraud, anomalies in any table, events in bulk."""

from tocsin.simulate.contextual import plant_contextual
from tocsin.simulate.events import simulate_events
from tocsin.simulate.fraud import FraudSettings, Scheme
from tocsin.simulate.funnel import Funnel, simulate_funnel, to_events, write_funnel
from tocsin.simulate.publisher_files import write_publishers
from tocsin.simulate.publishers import simulate_publishers
from tocsin.simulate.troubles import Trouble, read_troubles

__all__ = [
    "FraudSettings",
    "Funnel",
    "Scheme",
    "Trouble",
    "plant_contextual",
    "read_troubles",
    "simulate_events",
    "simulate_funnel",
    "simulate_publishers",
    "to_events",
    "write_funnel",
    "write_publishers",
]

"""Data with known truth: ad funnels with planted troubles, publishers with fraud among them, raw events in bulk."""

from tocsin.simulate.events import simulate_events
from tocsin.simulate.funnel import Funnel, simulate_funnel, to_events, write_funnel
from tocsin.simulate.publishers import FraudSettings, Scheme, simulate_publishers
from tocsin.simulate.troubles import Trouble, read_troubles

__all__ = [
    "FraudSettings",
    "Funnel",
    "Scheme",
    "Trouble",
    "read_troubles",
    "simulate_events",
    "simulate_funnel",
    "simulate_publishers",
    "to_events",
    "write_funnel",
]

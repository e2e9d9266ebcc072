"""Data with known truth: ad funnels with planted troubles, and raw events in bulk."""

from tocsin.simulate.events import simulate_events
from tocsin.simulate.funnel import Funnel, simulate_funnel, to_events, write_funnel
from tocsin.simulate.troubles import Trouble, read_troubles

__all__ = ["Funnel", "Trouble", "read_troubles", "simulate_events", "simulate_funnel", "to_events", "write_funnel"]

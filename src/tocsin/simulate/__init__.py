"""Data with known truth: funnels with troubles, publishers with fraud, farmed sellers, spiked series, many events."""

from tocsin.detectors.collections.farm import KINDS, Fakes, Farm, UniformWidth, draw_fakes, farm_counts
from tocsin.simulate.contextual import plant_contextual
from tocsin.simulate.events import simulate_events
from tocsin.simulate.farm_table import FarmedRecords, count_spans, farm_records, usual_volumes
from tocsin.simulate.fraud import FraudSettings, Scheme
from tocsin.simulate.funnel import Funnel, simulate_funnel, to_events, write_funnel
from tocsin.simulate.publisher_files import write_publishers
from tocsin.simulate.publishers import simulate_publishers
from tocsin.simulate.seller_files import seller_records, write_farmed, write_sellers
from tocsin.simulate.sellers import HOURS_OF_A_DAY, Sellers, honest_counts, hourly, simulate_sellers, spell_out
from tocsin.simulate.spikes import SpikedSeries, simulate_spikes, write_spikes
from tocsin.simulate.troubles import Trouble, read_troubles
from tocsin.simulate.volumes import read_volumes, simulate_volumes

__all__ = [
    "HOURS_OF_A_DAY",
    "KINDS",
    "Fakes",
    "Farm",
    "FarmedRecords",
    "FraudSettings",
    "Funnel",
    "Scheme",
    "Sellers",
    "SpikedSeries",
    "Trouble",
    "UniformWidth",
    "count_spans",
    "draw_fakes",
    "farm_counts",
    "farm_records",
    "honest_counts",
    "hourly",
    "plant_contextual",
    "read_troubles",
    "read_volumes",
    "seller_records",
    "simulate_events",
    "simulate_funnel",
    "simulate_publishers",
    "simulate_sellers",
    "simulate_spikes",
    "simulate_volumes",
    "spell_out",
    "to_events",
    "usual_volumes",
    "write_farmed",
    "write_funnel",
    "write_publishers",
    "write_sellers",
    "write_spikes",
]

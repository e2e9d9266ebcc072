"""Anomalies of nested slices and neighbouring windows -> one incident (open, update, close, retract)."""

from tocsin.incidents.collections import OddCollection, Part, describe_collection
from tocsin.incidents.describe import Sighting, describe_anomaly, describe_cause, describe_silence, number
from tocsin.incidents.entities import Indicator, OddEntity, describe_entity, describe_indicator
from tocsin.incidents.evidence import indicators_of
from tocsin.incidents.fold import Cause, find_causes
from tocsin.incidents.lifecycle import Advance, advance
from tocsin.incidents.series import OddPoint, describe_point

__all__ = [
    "Advance",
    "Cause",
    "Indicator",
    "OddCollection",
    "OddEntity",
    "OddPoint",
    "Part",
    "Sighting",
    "advance",
    "describe_anomaly",
    "describe_cause",
    "describe_collection",
    "describe_entity",
    "describe_indicator",
    "describe_point",
    "describe_silence",
    "find_causes",
    "indicators_of",
    "number",
]

"""The paper's own detection: Algorithms 1 and 2, its thresholds and levels, and MGoF as its baseline."""

from tocsin.detectors.collections.faithful.engine import FaithfulEngine

__all__ = ["FaithfulEngine"]

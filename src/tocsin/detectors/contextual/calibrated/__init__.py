"""The default mode of ConOut."""

from tocsin.detectors.contextual.calibrated.engine import CalibratedEngine

__all__ = ["CalibratedEngine"]

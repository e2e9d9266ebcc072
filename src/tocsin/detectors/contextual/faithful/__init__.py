"""ConOut as published."""

from tocsin.detectors.contextual.faithful.engine import FaithfulEngine

__all__ = ["FaithfulEngine"]

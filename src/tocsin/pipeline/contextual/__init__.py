"""The lens of entities: each window's entities compared with those in the same context."""

from tocsin.pipeline.contextual.lens import ContextualLens

__all__ = ["ContextualLens"]

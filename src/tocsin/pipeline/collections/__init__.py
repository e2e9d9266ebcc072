"""The lens of collections in the pipeline."""

from tocsin.pipeline.collections.lens import CollectionsLens

__all__ = ["CollectionsLens"]

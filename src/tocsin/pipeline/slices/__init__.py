"""The lens of slices: facts of windows and slices, judged one window at a time, folded into causes."""

from tocsin.pipeline.slices.lens import SlicesLens

__all__ = ["SlicesLens"]

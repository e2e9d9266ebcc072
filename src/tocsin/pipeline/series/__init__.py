"""The lens of time series in the pipeline."""

from tocsin.pipeline.series.lens import SeriesLens

__all__ = ["SeriesLens"]

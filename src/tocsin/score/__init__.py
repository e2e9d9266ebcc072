"""`tocsin score`: a table in, the same table with scores and reasons out."""

from tocsin.score.reasons import REASONS, OddRow
from tocsin.score.table import DETECTORS, SAMPLE_ROWS, ScoreResult, score_table

__all__ = ["DETECTORS", "REASONS", "SAMPLE_ROWS", "OddRow", "ScoreResult", "score_table"]

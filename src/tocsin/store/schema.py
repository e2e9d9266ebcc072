"""The tables. Every change here needs a migration in `migrations/versions` and its revision in `REVISIONS`.

    run ──< anomaly >── incident_anomaly ──< incident        feedback (survives its subject)
    run ──< item ── anomaly (the leading one)
    outbox ──< attempt        lease        detector_state

Text whose length users decide (slice keys) is never indexed, PostgreSQL's limit being 2.7 kB: a digest is.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from tocsin.store.types import Json, Moment, Number, PlainText

__all__ = [
    "REVISIONS",
    "VERSION_TABLE",
    "anomaly",
    "attempt",
    "detector_state",
    "feedback",
    "incident",
    "incident_anomaly",
    "item",
    "lease",
    "metadata",
    "outbox",
    "run",
]

REVISIONS = ("0001", "0002", "0003", "0004")
"""All schema revisions, oldest first; the last is the one this code works with."""

VERSION_TABLE = "tocsin_schema"
"""Not Alembic's default name: a PostgreSQL database may be shared with another application that uses Alembic."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(12)
Digest = String(32)
Word = String(32)
Name = String(255)

run = Table(
    "run",
    metadata,
    Column("monitor", Name, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("window_end", Moment, nullable=False),
    Column("evaluated_at", Moment, nullable=False),
    Column("status", Word, nullable=False),
    Column("facts_digest", PlainText, nullable=False),
    Column("n_slices", Integer, nullable=False),
    Column("n_tested", Integer, nullable=False),
    Column("n_flagged", Integer, nullable=False),
    Column("left_out", Json, nullable=False),
    Column("notes", Json, nullable=False),
)

# The id is 48 bits and not unique by itself at 10^7 rows; the key is.
anomaly = Table(
    "anomaly",
    metadata,
    Column("monitor", Name, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("slice_digest", Digest, primary_key=True),
    Column("id", Id, nullable=False, index=True),
    Column("window_end", Moment, nullable=False),
    Column("slice_key", PlainText, nullable=False),
    Column("kpi", PlainText, nullable=False),
    Column("value", Number),
    Column("expected", Number),
    Column("lower", Number),
    Column("upper", Number),
    Column("p_value", Number),
    Column("q_value", Number),
    Column("score", sa.Double, nullable=False),
    Column("direction", Word, nullable=False),
    Column("amount", Number),
    Column("expected_amount", Number),
    Column("deviation_sd", Number),
    Column("share_of_total", Number),
    Column("stake", sa.Double, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("kind", Name, nullable=False, server_default="slices"),
)
Index("ix_anomaly_score", anomaly.c.score.desc(), anomaly.c.id)
Index("ix_anomaly_window_start", anomaly.c.window_start)

incident = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True),
    Column("monitor", Name, nullable=False),
    Column("slice_key", PlainText, nullable=False),
    Column("kpi", PlainText, nullable=False),
    Column("direction", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("first_start", Moment, nullable=False),
    Column("first_end", Moment, nullable=False),
    Column("last_start", Moment, nullable=False),
    Column("last_end", Moment, nullable=False),
    Column("severity", Word, nullable=False),
    Column("stake", sa.Double, nullable=False),
    Column("headline", PlainText, nullable=False),
    Column("n_quiet", Integer, nullable=False),
    Column("kind", Name, nullable=False),
    Column("details", Json, nullable=False),
)
Index("ix_incident_monitor_state_last_start", incident.c.monitor, incident.c.state, incident.c.last_start)
Index("ix_incident_stake", incident.c.stake.desc(), incident.c.id)

incident_anomaly = Table(
    "incident_anomaly",
    metadata,
    Column("incident_id", Id, ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True),
    Column("anomaly_id", Id, primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

# What relevancy remembers of a sighting. An item below the threshold that was not raised has no row in `anomaly`.
item = Table(
    "item",
    metadata,
    Column("monitor", Name, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("id", Id, primary_key=True, index=True),
    Column("window_end", Moment, nullable=False),
    Column("kind", Name, nullable=False),
    Column("slice_key", PlainText, nullable=False),
    Column("direction", Word, nullable=False),
    Column("excess", sa.Double, nullable=False),
    Column("anomaly_id", Id, nullable=False, index=True),
    Column("schema", Name, nullable=False),
    Column("embedding", Json, nullable=False),
    Column("headline", PlainText, nullable=False),
    Column("is_base", sa.Boolean, nullable=False),
    Column("is_selected", sa.Boolean, nullable=False),
    Column("relevance", Number),
    Column("type_id", Integer, nullable=False),
    Column("model_version", Digest, nullable=False),
    Column("kpi", PlainText),
)
Index("ix_item_window_start", item.c.window_start)

# Answers carry the place of their subject and the items it stood for, so that they keep their meaning and teach on
# when retention has deleted it.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject_id", Id, nullable=False, index=True),
    Column("subject_kind", Word, nullable=False),
    Column("monitor", Name, nullable=False),
    Column("window_start", Moment, nullable=False),
    Column("window_end", Moment, nullable=False),
    Column("slice_key", PlainText, nullable=False),
    Column("verdict", Word, nullable=False),
    Column("at", Moment, nullable=False),
    Column("author", PlainText, nullable=False),
    Column("comment", PlainText, nullable=False),
    Column("undone_at", Moment),
    Column("items", Json),
)
Index("ix_feedback_monitor_window_start", feedback.c.monitor, feedback.c.window_start)
Index("ix_feedback_monitor_at", feedback.c.monitor, feedback.c.at)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("channel", Name, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("change", Word, nullable=False),
    Column("content_digest", Digest, nullable=False),
    Column("monitor", Name, nullable=False),
    Column("dedupe_key", PlainText, nullable=False),
    Column("at", Moment, nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", Word, nullable=False),
    Column("n_attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("claimed_by", Digest),
    Column("claimed_until", Moment),
    Column("last_error", PlainText),
    UniqueConstraint("incident_id", "channel", "sequence"),
    sqlite_autoincrement=True,  # the order of ids is the order of delivery: an id is never used again
)
Index("ix_outbox_state_next_at", outbox.c.state, outbox.c.next_at)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("outbox_id", Integer, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("delivered", sa.Boolean, nullable=False),
    Column("error", PlainText),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Name, primary_key=True),
    Column("holder", Name, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

detector_state = Table(
    "detector_state",
    metadata,
    Column("monitor", Name, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("saved_at", Moment, nullable=False),
    Column("meta", Json, nullable=False),
    Column("arrays", LargeBinary, nullable=False),
)

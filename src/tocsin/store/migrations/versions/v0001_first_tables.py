"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_runs_and_anomalies()
    _create_incidents()
    _create_feedback()
    _create_outbox()
    op.create_table(
        "lease",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "detector_state",
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("saved_at", TIME, nullable=False),
        sa.Column("meta", sa.JSON, nullable=False),
        sa.Column("arrays", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("monitor", "name", name="pk_detector_state"),
    )


def _create_runs_and_anomalies() -> None:
    op.create_table(
        "run",
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("evaluated_at", TIME, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("facts_digest", sa.Text, nullable=False),
        sa.Column("n_slices", sa.Integer, nullable=False),
        sa.Column("n_tested", sa.Integer, nullable=False),
        sa.Column("n_flagged", sa.Integer, nullable=False),
        sa.Column("left_out", sa.JSON, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("monitor", "window_start", name="pk_run"),
    )
    numbers = ("value", "expected", "lower", "upper", "p_value", "q_value")
    amounts = ("amount", "expected_amount", "deviation_sd", "share_of_total")
    op.create_table(
        "anomaly",
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("slice_digest", sa.String(32), nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("slice_key", sa.Text, nullable=False),
        sa.Column("kpi", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double) for name in numbers),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Double) for name in amounts),
        sa.Column("stake", sa.Double, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("monitor", "window_start", "slice_digest", name="pk_anomaly"),
    )
    op.create_index("ix_anomaly_id", "anomaly", ["id"])
    op.create_index("ix_anomaly_score", "anomaly", [sa.text("score DESC"), "id"])
    op.create_index("ix_anomaly_window_start", "anomaly", ["window_start"])


def _create_incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("slice_key", sa.Text, nullable=False),
        sa.Column("kpi", sa.Text, nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("first_start", TIME, nullable=False),
        sa.Column("first_end", TIME, nullable=False),
        sa.Column("last_start", TIME, nullable=False),
        sa.Column("last_end", TIME, nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("stake", sa.Double, nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        sa.Column("n_quiet", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    op.create_index("ix_incident_monitor_state_last_start", "incident", ["monitor", "state", "last_start"])
    op.create_index("ix_incident_stake", "incident", [sa.text("stake DESC"), "id"])
    op.create_table(
        "incident_anomaly",
        sa.Column("incident_id", sa.String(12), nullable=False),
        sa.Column("anomaly_id", sa.String(12), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "anomaly_id", name="pk_incident_anomaly"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name="fk_incident_anomaly_incident_id_incident", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_incident_anomaly_anomaly_id", "incident_anomaly", ["anomaly_id"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("subject_id", sa.String(12), nullable=False),
        sa.Column("subject_kind", sa.String(32), nullable=False),
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("slice_key", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("undone_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_subject_id", "feedback", ["subject_id"])
    op.create_index("ix_feedback_monitor_window_start", "feedback", ["monitor", "window_start"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.String(12), nullable=False),
        sa.Column("channel", sa.String(255), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("change", sa.String(32), nullable=False),
        sa.Column("content_digest", sa.String(32), nullable=False),
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("dedupe_key", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("n_attempts", sa.Integer, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("claimed_by", sa.String(32)),
        sa.Column("claimed_until", TIME),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("incident_id", "channel", "sequence", name="uq_outbox_incident_id_channel_sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("outbox_id", sa.Integer, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_attempt_outbox_id_outbox", ondelete="CASCADE"),
    )
    op.create_index("ix_attempt_outbox_id", "attempt", ["outbox_id"])


def downgrade() -> None:
    for table in (
        "detector_state",
        "lease",
        "attempt",
        "outbox",
        "feedback",
        "incident_anomaly",
        "incident",
        "anomaly",
        "run",
    ):
        op.drop_table(table)

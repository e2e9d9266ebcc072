"""What relevancy remembers of sightings, and answers that teach on when their subject is gone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "item",
        sa.Column("monitor", sa.String(255), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("slice_key", sa.Text, nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        sa.Column("excess", sa.Double, nullable=False),
        sa.Column("anomaly_id", sa.String(12), nullable=False),
        sa.Column("schema", sa.String(255), nullable=False),
        sa.Column("embedding", sa.JSON, nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        sa.Column("is_base", sa.Boolean, nullable=False),
        sa.Column("is_selected", sa.Boolean, nullable=False),
        sa.Column("relevance", sa.Double),
        sa.Column("type_id", sa.Integer, nullable=False),
        sa.Column("model_version", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("monitor", "window_start", "id", name="pk_item"),
    )
    op.create_index("ix_item_id", "item", ["id"])
    op.create_index("ix_item_anomaly_id", "item", ["anomaly_id"])
    op.create_index("ix_item_window_start", "item", ["window_start"])
    op.add_column("feedback", sa.Column("items", sa.JSON))
    op.create_index("ix_feedback_monitor_at", "feedback", ["monitor", "at"])


def downgrade() -> None:
    op.drop_index("ix_feedback_monitor_at", "feedback")
    with op.batch_alter_table("feedback") as table:
        table.drop_column("items")
    op.drop_table("item")

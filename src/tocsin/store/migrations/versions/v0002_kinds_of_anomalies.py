"""Anomalies of several lenses."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("anomaly", sa.Column("kind", sa.String(255), nullable=False, server_default="slices"))


def downgrade() -> None:
    with op.batch_alter_table("anomaly") as table:
        table.drop_column("kind")

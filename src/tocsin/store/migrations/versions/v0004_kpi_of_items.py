"""What deviates of a sighting: of an entity its leading indicator, which names kinds of anomalies."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("item", sa.Column("kpi", sa.Text))


def downgrade() -> None:
    with op.batch_alter_table("item") as table:
        table.drop_column("kpi")

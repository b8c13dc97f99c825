"""An index for those that ended without their video."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ENDED_WITHOUT_VIDEO = sa.text("state IN ('failed', 'expired', 'undeliverable')")


def upgrade() -> None:
    op.create_index(
        "ix_generations_lost",
        "generations",
        ["ended_at"],
        sqlite_where=_ENDED_WITHOUT_VIDEO,
        postgresql_where=_ENDED_WITHOUT_VIDEO,
    )


def downgrade() -> None:
    op.drop_index("ix_generations_lost", "generations")

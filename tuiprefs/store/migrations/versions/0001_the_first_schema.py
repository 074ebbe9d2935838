"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
    )
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_models_kind"), ["kind"], unique=False)

    op.create_table(
        "raters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raters")),
        sa.UniqueConstraint("name", name=op.f("uq_raters_name")),
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("checkpoint", sa.Integer(), nullable=True),
        sa.Column("iteration", sa.Integer(), nullable=True),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("tokens", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("verdict IN ('ok', 'broken')", name=op.f("ck_samples_verdict")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("hash", name=op.f("uq_samples_hash")),
    )
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_samples_model"), ["model"], unique=False)
        batch_op.create_index(batch_op.f("ix_samples_run"), ["run"], unique=False)
        batch_op.create_index(batch_op.f("ix_samples_source"), ["source"], unique=False)
        batch_op.create_index(batch_op.f("ix_samples_verdict"), ["verdict"], unique=False)

    op.create_table(
        "scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_scores_sample_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scores")),
        sa.UniqueConstraint("sample_id", "model", name=op.f("uq_scores_sample_id")),
    )
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.create_index("ix_scores_model_score", ["model", "score"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_sessions_rater_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("best", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("rater_id", sa.Integer(), nullable=True),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("(outcome = 'choice') = (best IS NOT NULL)", name=op.f("ck_comparisons_best")),
        sa.CheckConstraint(
            "origin IN ('human', 'autofail', 'simulated', 'imported', 'bootstrap')",
            name=op.f("ck_comparisons_origin"),
        ),
        sa.CheckConstraint("outcome IN ('choice', 'tie', 'skip')", name=op.f("ck_comparisons_outcome")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_comparisons_rater_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_comparisons_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
        sa.UniqueConstraint("uuid", name=op.f("uq_comparisons_uuid")),
    )
    with op.batch_alter_table("comparisons", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comparisons_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_comparisons_rater_id"), ["rater_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_comparisons_session_id"), ["session_id"], unique=False)

    op.create_table(
        "comparison_members",
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_comparison_members_comparison_id")
        ),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_comparison_members_sample_id")),
        sa.PrimaryKeyConstraint("comparison_id", "position", name=op.f("pk_comparison_members")),
    )
    with op.batch_alter_table("comparison_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comparison_members_sample_id"), ["sample_id"], unique=False)


def downgrade() -> None:
    """Change it back."""
    with op.batch_alter_table("comparison_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comparison_members_sample_id"))

    op.drop_table("comparison_members")
    with op.batch_alter_table("comparisons", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comparisons_session_id"))
        batch_op.drop_index(batch_op.f("ix_comparisons_rater_id"))
        batch_op.drop_index(batch_op.f("ix_comparisons_origin"))

    op.drop_table("comparisons")
    op.drop_table("sessions")
    with op.batch_alter_table("scores", schema=None) as batch_op:
        batch_op.drop_index("ix_scores_model_score")

    op.drop_table("scores")
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_samples_verdict"))
        batch_op.drop_index(batch_op.f("ix_samples_source"))
        batch_op.drop_index(batch_op.f("ix_samples_run"))
        batch_op.drop_index(batch_op.f("ix_samples_model"))

    op.drop_table("samples")
    op.drop_table("raters")
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_models_kind"))

    op.drop_table("models")

"""Deeds may lose their words and facts, when the person that they tell of is erased; nothing else of them changes.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

SAYS = "deeds are only added, never changed"
SAME = ("id", "at", "by", "what", "subject")
"""What stays of a deed for good: when, who, what, about what."""


def _erases(quote: str, evidence: str) -> str:
    """The condition under which a row only loses its words and facts."""
    same = " AND ".join(f"NEW.{quote}{one}{quote} = OLD.{quote}{one}{quote}" for one in SAME)
    new, old = evidence.format("NEW"), evidence.format("OLD")
    return f"{same} AND NEW.why = '' AND ({new} = '{{}}' OR {new} = {old})"


MARIADB = (
    [
        "DROP TRIGGER deeds_UPDATE",
        f"CREATE TRIGGER deeds_UPDATE BEFORE UPDATE ON deeds FOR EACH ROW IF NOT ({_erases('`', '{}.evidence')}) "
        f"THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SAYS}'; END IF",
    ],
    [
        "DROP TRIGGER deeds_UPDATE",
        "CREATE TRIGGER deeds_UPDATE BEFORE UPDATE ON deeds FOR EACH ROW "
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{SAYS}'",
    ],
)
TRIGGERS = {
    "sqlite": (
        [
            "DROP TRIGGER deeds_UPDATE",
            "CREATE TRIGGER deeds_UPDATE BEFORE UPDATE ON deeds "
            f"WHEN NOT ({_erases(chr(34), '{}.evidence')}) BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
        ],
        [
            "DROP TRIGGER deeds_UPDATE",
            f"CREATE TRIGGER deeds_UPDATE BEFORE UPDATE ON deeds BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
        ],
    ),
    "postgresql": (
        [
            "DROP TRIGGER deeds_change ON deeds",
            "CREATE TRIGGER deeds_change BEFORE DELETE OR TRUNCATE ON deeds "
            "FOR EACH STATEMENT EXECUTE FUNCTION deeds_stay()",
            "CREATE FUNCTION deeds_erased() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NOT ({_erases(chr(34), '{}.evidence::text')}) THEN RAISE EXCEPTION '{SAYS}'; END IF; "
            "RETURN NEW; END $$",
            "CREATE TRIGGER deeds_erase BEFORE UPDATE ON deeds FOR EACH ROW EXECUTE FUNCTION deeds_erased()",
        ],
        [
            "DROP TRIGGER deeds_erase ON deeds",
            "DROP FUNCTION deeds_erased()",
            "DROP TRIGGER deeds_change ON deeds",
            "CREATE TRIGGER deeds_change BEFORE UPDATE OR DELETE OR TRUNCATE ON deeds "
            "FOR EACH STATEMENT EXECUTE FUNCTION deeds_stay()",
        ],
    ),
    "mysql": MARIADB,
    "mariadb": MARIADB,
}


def upgrade() -> None:
    """Make the change."""
    for statement in TRIGGERS[op.get_bind().dialect.name][0]:
        op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    for statement in TRIGGERS[op.get_bind().dialect.name][1]:
        op.execute(statement)

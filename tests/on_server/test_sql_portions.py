"""Statements go to a database in transactions of many; none ends within a statement, the last one only at the end."""

from __future__ import annotations

import io

from tasks.on_server.old_installation.sql_portions import Portions
from tasks.on_server.old_installation.sql_statements import Statements


def test_a_transaction_ends_behind_a_statement_and_holds_many_of_them() -> None:
    out = io.BytesIO()
    portions, row = Portions(out, most=1000), b"('" + b";\n" * 100 + b"')"
    for _ in range(12):
        for part in (b"INSERT INTO a VALUES ", row, b";\n"):
            portions.write(part)
    assert out.getvalue().count(b"COMMIT;\n") == 2
    portions.end()
    said = [statement.text for statement in Statements([out.getvalue()])]
    assert [at for at, text in enumerate(said) if text == b"COMMIT"] == [5, 11, 14]


def test_what_breaks_off_is_not_ended() -> None:
    out = io.BytesIO()
    Portions(out).write(b"INSERT INTO a VALUES (1)")
    assert b"COMMIT" not in out.getvalue()

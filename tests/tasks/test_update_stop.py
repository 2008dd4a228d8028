"""The stop of an update: nothing of before works on once it is closed, nothing of after is lost once it is open (P17)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import DriftFound, StepFailed, Unreachable
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.policy.way_back import WayBack
from hosting.product.layout import InstanceLayout
from tasks import update_stop, update_trial
from tasks.step import RETRY_DELAYS
from tasks.update_trial import MigrationBroke, Trial
from tests.policy.test_move_plan import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.errors import ServiceError

OLD = InstanceLayout("k3v9q2", 1, ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1))
UPDATE: Any = SimpleNamespace(old=OLD, instance=None, token="0" * 32)


class Server:
    """What is told to a server, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.server = SOURCE

    def connection(self, _server: object) -> Server:
        return self

    def run(self, command: Any, _do: str = "") -> Any:
        self.told.append(command.name)
        return SimpleNamespace(changed=True, out="")

    def run_in_a_row(self, *commands: Any) -> list[Any]:
        return [self.run(one) for one in commands]

    def ask(self, _command: Any) -> Any:
        return SimpleNamespace(exit_code=1)


class Database:
    """In which a statement of the instance's goes on for a while after its program is gone."""

    def __init__(self, told: list[str]) -> None:
        self.told, self.left = told, 2

    def rows(self, statement: Any) -> tuple[()]:
        self.told.append(" ".join(statement.sql.split()[:2]).lower())
        return ()

    def value(self, _statement: Any) -> int:
        self.left -= 1
        return self.left


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()

    @contextlib.contextmanager
    def database(_ssh: object) -> Iterator[Database]:
        yield Database(made.told)

    monkeypatch.setattr(update_stop, "load", lambda _kind: made)
    monkeypatch.setattr(update_stop, "mariadb_of", database)
    monkeypatch.setattr(update_stop, "unsealed", lambda *_: "secret")
    monkeypatch.setattr(update_stop, "ensure_database_and_user", lambda *_: False)
    monkeypatch.setattr(update_stop, "ensure_storage_limit", SimpleNamespace(fn=lambda *_: None))
    monkeypatch.setattr(update_stop, "parse_answer", lambda _out: SimpleNamespace(status=401))
    monkeypatch.setattr(update_stop, "put_tables_back", lambda *_: made.told.append("tables back"))
    monkeypatch.setattr(update_stop, "forget_kept", lambda *_: made.told.append("kept is forgotten"))
    return made


def test_what_is_kept_is_forgotten_before_customers_are_let_in(server: Server) -> None:
    update_stop.put_back.fn(SOURCE, UPDATE, WayBack())
    assert server.told[0] == "close"
    assert server.told[-2:] == ["kept is forgotten", "open"]
    assert server.told.index("tables back") < server.told.index("kept is forgotten")


@pytest.mark.parametrize("step", ["close", "put back"])
def test_what_had_passed_the_gate_before_it_shut_is_ended_too(server: Server, step: str) -> None:
    if step == "close":
        update_stop.close.fn(SOURCE, UPDATE)
    else:
        update_stop.put_back.fn(SOURCE, UPDATE, WayBack())
    assert server.told[:4] == ["close", "end processes", "kill connection", "kill connection"]


@pytest.mark.parametrize(("attempt", "error"), [(1, DriftFound), (2, StepFailed)])
def test_what_was_refused_once_may_be_another_instance_s_and_is_tried_again(
    server: Server, monkeypatch: pytest.MonkeyPatch, attempt: int, error: type[ServiceError]
) -> None:
    refused = iter([[("Access_denied_errors", "7")], [("Access_denied_errors", "8")]])
    monkeypatch.setattr(Database, "rows", lambda *_: next(refused))
    for each in ("migrate", "check_shape"):
        monkeypatch.setattr(update_stop, each, lambda *_: None)
    new = replace(OLD, release=replace(OLD.release, build=40471))
    update: Any = SimpleNamespace(old=OLD, new=new, instance=None, token="0" * 32, attempts=attempt)
    with pytest.raises(error, match="wanted to change tables"):
        update_stop.switch.fn(SOURCE, update, Trial(WayBack(), {}, {}))


@pytest.mark.parametrize(("is_away", "error"), [(True, Unreachable), (False, MigrationBroke)])
def test_a_database_that_goes_away_in_the_migration_says_nothing_of_the_release(
    server: Server, monkeypatch: pytest.MonkeyPatch, *, is_away: bool, error: type[ServiceError]
) -> None:
    def rows(*_: object) -> tuple[()]:
        if is_away:
            raise Unreachable("The database of app1 went away.", "The step is repeated.")
        return ()

    answer = SimpleNamespace(status=200, body="email_index: MySQL server has gone away")
    monkeypatch.setattr(update_trial, "parse_answer", lambda _out: answer)
    update: Any = SimpleNamespace(new=OLD, release=OLD.release, token="0" * 32)
    ssh: Any = server
    database: Any = SimpleNamespace(rows=rows)
    with pytest.raises(error):
        update_trial.migrate(ssh, database, update, OLD, OLD.code)


def test_what_may_be_half_made_in_the_stop_is_never_made_a_second_time_and_goes_back_until_it_is() -> None:
    assert (update_stop.keep.retries, update_stop.switch.retries) == (0, 0)
    assert update_stop.put_back.retries == len(RETRY_DELAYS)


def test_what_the_database_does_not_let_go_of_in_time_changes_nothing_meanwhile(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_stop, "GONE_SECONDS", 0.0)
    monkeypatch.setattr(Database, "value", lambda *_: 1)
    with pytest.raises(Unreachable, match="it takes something long back"):
        update_stop.put_back.fn(SOURCE, UPDATE, WayBack())
    assert "tables back" not in server.told
    assert "open" not in server.told

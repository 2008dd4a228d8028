"""One user's archive that can't be written keeps none of the others from theirs (P41)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows import export_instance
from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.policy.exports import ArchiveFacts, ExportFacts, ExportState
from tasks.exports import Whose
from tasks.failures import NotAllDone
from tasks.records import now

USERS = [Whose(1, "anna"), Whose(2, "bert"), Whose(3, "carl")]


class Bench:
    """An export of three users, of which one fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: ServiceError) -> None:
        self.asked = list[int]()
        self.order = ExportFacts(12, "k3v9q2", ExportState.ASKED, "", "olga", "asked for", now())

        def archived(order: ExportFacts, whose: Whose) -> ExportFacts:
            self.asked.append(whose.uid)
            if whose.uid == 2:
                raise error
            self.order = replace(order, archives=(*order.archives, ArchiveFacts(whose.uid, whose.name)))
            return self.order

        monkeypatch.setattr(export_instance, "users_of", lambda *_: USERS)
        monkeypatch.setattr(export_instance, "archived", archived)


def test_a_user_whose_archive_fails_keeps_none_of_the_others_and_is_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, StepFailed("ValueError in mail.py:12"))
    with pytest.raises(NotAllDone, match=r"One thing was not done.*mail\.py:12"):
        export_instance.archives_of(bench.order)
    assert [one.uid for one in bench.order.archives] == [1, 3]
    with pytest.raises(NotAllDone):
        export_instance.archives_of(bench.order)
    assert bench.asked == [1, 2, 3, 2]  # the next run goes on with him alone


def test_a_server_that_does_not_answer_is_not_asked_for_each_user(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, Unreachable("app1 does not answer"))
    with pytest.raises(Unreachable):
        export_instance.archives_of(bench.order)
    assert bench.asked == [1, 2]

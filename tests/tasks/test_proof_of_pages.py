"""What the pages of an instance ask for is at the address that was asked; behind a former one, at the present one (P24)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tasks import probes
from tasks.probes import url_of
from tests.inventory.words import server

HOME = server("app1", 200)
OLD = replace(HOME, host_name="old.phlymail.test")
INSTANCE = cast("Any", SimpleNamespace(name="k3v9q2", number=1, release=None))


class Web:
    """A web server whose pages name one script."""

    def __init__(self, script: str) -> None:
        self.page = f'<script src="{script}"></script>'

    def ask(self, _method: str, url: str) -> Any:
        text = "" if url.endswith(".js") else self.page
        return SimpleNamespace(text=text, status_code=HTTPStatus.OK)


@pytest.mark.parametrize(
    ("asked", "script", "well"),
    [
        (HOME, url_of(HOME, INSTANCE) + "a.js", True),
        (OLD, url_of(HOME, INSTANCE) + "a.js", True),
        (OLD, url_of(OLD, INSTANCE) + "a.js", True),
        (HOME, url_of(OLD, INSTANCE) + "a.js", False),
        (OLD, "https://elsewhere.test/k3v9q2/a.js", False),
    ],
    ids=["at home", "behind a former address", "at that", "home asks for the former one", "elsewhere"],
)
def test_files_of_pages_are_of_the_instance(
    monkeypatch: pytest.MonkeyPatch, asked: Any, script: str, *, well: bool
) -> None:
    monkeypatch.setattr(probes, "read_server", SimpleNamespace(fn=lambda _: HOME))
    found = probes._files_of_pages(cast("Any", Web(script)), url_of(asked, INSTANCE), asked, INSTANCE)
    assert (found == []) is well

"""A user who works on while his instance moves: he logs in anew, reads his mails, saves bookmarks, over and over.

All goes by the product's own pages, at the address that is known from before. Of every try it is remembered when it
began and what came of it: what is answered with success has to be right, what is acknowledged has to be kept.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, groupby, pairwise
from typing import TYPE_CHECKING, Self

from hosting.errors import Unreachable
from hosting.product.layout import InstanceLayout
from tests.service.customer import SESSION, Site, site
from tests.service.mailbox_data import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

WHO = "doro"
PAUSE_SECONDS = 0.05
GOES_ON_SECONDS = 60
CLOSED = ("503", "offline", "unreachable")
"""What somebody may be told who comes in the stop."""


class Otherwise(Exception):
    """A try that did not go well; its text is what was said."""


@dataclass(frozen=True)
class Try:
    """One try: the monotonic second in which it began, and what was said where it did not go well."""

    began: float
    said: str = ""


@dataclass
class Tries:
    """All tries of one thing, in order."""

    do: Callable[[], None]
    made: list[Try] = field(default_factory=list)

    def once_more(self) -> None:
        """Another try."""
        began = time.monotonic()
        try:
            self.do()
        except Unreachable:
            self.made.append(Try(began, "unreachable"))
        except Otherwise as told:
            self.made.append(Try(began, str(told)))
        else:
            self.made.append(Try(began))

    @property
    def well(self) -> list[float]:
        """When those began that went well."""
        return [one.began for one in list(self.made) if not one.said]

    @property
    def longest(self) -> float:
        """The longest time between two that went well, in seconds."""
        return max((after - before for before, after in pairwise(self.well)), default=0.0)

    @property
    def times_closed(self) -> int:
        """How many times it stopped going well: once in a move."""
        return sum(closed for closed, _ in groupby(bool(one.said) for one in self.made))

    @property
    def said_otherwise(self) -> set[str]:
        """What nobody may be told, not even in the stop."""
        return {one.said for one in self.made if one.said} - set(CLOSED)


class AtWork:
    """While it lasts, the user logs in anew, reads in one session and saves bookmarks in another, side by side."""

    def __init__(self, service: Service, instance: InstanceFacts) -> None:
        self.service, self.instance = service, instance
        self.mailbox = fill(service, instance, users=(WHO,), mails=3, files=0)
        self.kept: list[str] = []
        self.reader, self.writer = self._browser(), self._browser()
        for one in (self.reader, self.writer):
            self._log_in(one)
        self.mails = self._mails()
        self.tries = {
            "log in": Tries(self._log_in_anew),
            "read a mail": Tries(self._read),
            "save a bookmark": Tries(self._save),
        }
        self.ended = threading.Event()
        self.threads = [
            threading.Thread(target=partial(self._over_and_over, one), daemon=True) for one in self.tries.values()
        ]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()
        for one in (self.reader, self.writer):
            one.client.close()

    def goes_on(self) -> None:
        """Until everything went well some more times."""
        wanted = {what: len(one.well) + 3 for what, one in self.tries.items()}
        deadline = time.monotonic() + GOES_ON_SECONDS
        while late := [what for what, count in wanted.items() if len(self.tries[what].well) < count]:
            assert time.monotonic() < deadline, {what: self.tries[what].made[-3:] for what in late}
            time.sleep(PAUSE_SECONDS)

    def missing_in(self, instance: InstanceFacts) -> set[str]:
        """The bookmarks that he was told are saved, and that the instance's database does not hold where it is now."""
        select = f"mariadb -NBe 'SELECT name FROM phlymail_bookmarks_item' {InstanceLayout.of(instance).database}"
        return set(self.kept) - set(self.service.on(select, instance.server_name).split())

    def _over_and_over(self, one: Tries) -> None:
        while not self.ended.wait(PAUSE_SECONDS):
            one.once_more()

    def _browser(self) -> Site:
        return site(self.service, self.instance)

    def _log_in_anew(self) -> None:
        browser = self._browser()
        with browser.client:
            self._log_in(browser)
            _good(browser.ask(f"index.php?{browser.session}").status_code)

    def _log_in(self, browser: Site) -> None:
        """By the login form, as a user."""
        form = browser.ask("index.php")
        _good(form.status_code)
        found = SESSION.search(form.text)
        if found is None:
            raise Otherwise("a login form without a session")
        browser.session = f"PHPSESSID={found[1]}"
        said = browser.ask(
            f"index.php?{browser.session}", "POST", data={"user": WHO, "pass": self.mailbox.passwords[WHO]}
        )
        if said.status_code == 200 and "offline" in said.text:
            raise Otherwise("offline")
        _good(said.status_code, 302)

    def _mails(self) -> Iterator[tuple[int, bytes]]:
        """His mails by the product's number, again and again."""
        raw = {path.rpartition("/")[2]: content for path, content in self.mailbox.mails.items()}
        select = f"mariadb -NBe 'SELECT idx, uidl FROM phlymail_email_index WHERE uid={self.mailbox.uids[WHO]}'"
        rows = self.service.on(f"{select} {InstanceLayout.of(self.instance).database}", self.instance.server_name)
        numbers = dict(line.split("\t") for line in rows.splitlines())
        assert len(numbers) == len(raw) > 0
        return cycle([(int(number), raw[uidl]) for number, uidl in numbers.items()])

    def _read(self) -> None:
        number, raw = next(self.mails)
        said = self.reader.ask(f"index.php?{self.reader.session}&h=email&l=read&i={number}&save_as=raw")
        _good(said.status_code)
        if said.content != raw:
            raise Otherwise(f"another mail: {said.content[:80]!r}")

    def _save(self) -> None:
        name = f"b{secrets.token_hex(6)}"
        form = {"url": f"https://{name}.test/", "name": name}
        said = self.writer.ask(f"index.php?{self.writer.session}&h=bookmarks&l=edit_bookmark", "POST", data=form)
        _good(said.status_code)
        if "Gespeichert" not in said.text:
            raise Otherwise(f"not saved: {said.text[:80]}")
        self.kept.append(name)


def _good(code: int, wanted: int = 200) -> None:
    """Tells any other code."""
    if code != wanted:
        raise Otherwise(str(code))

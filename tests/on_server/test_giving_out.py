"""An archive on its way: in parts, tried again where the store stumbles, never told as whole when it is not (P41)."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import sys
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tasks.on_server import giving_out
from tasks.on_server.giving_out import give_out
from tasks.on_server.job import Complaint, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRITES = "import sys, json; told = json.load(sys.stdin); sys.stdout.buffer.write(bytes(range(250)) * int(told['uid']));"
SAYS = 'print(\'{"phase": "mail"}\', file=sys.stderr); print(\'{"result": {"missing": 0}}\', file=sys.stderr)'
FAILS = 'print(\'{"failed": "it broke", "kind": "%s"}\', file=sys.stderr); sys.exit(1)'


class Store:
    """A store that takes parts by addresses, and stumbles as often as it is told to."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self.answers: list[int] = []
        self.asked = 0
        outer = self

        class Taking(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:  # as the library calls it
                outer.asked += 1
                content = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.answers.pop(0) if outer.answers else 200
                if base64.b64encode(hashlib.md5(content).digest()).decode() != self.headers["Content-MD5"]:  # noqa: S324  # the standard's
                    status = 400
                if status == 200:
                    outer.parts[self.path] = content
                self.send_response(status)
                self.send_header("ETag", f'"{len(outer.parts)}"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def addresses(self, number: int) -> list[str]:
        return [
            f"http://127.0.0.1:{self.server.server_address[1]}/bucket/key?part={one}" for one in range(1, number + 1)
        ]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(giving_out, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(giving_out, "PYTHON", sys.executable)
    monkeypatch.setattr(giving_out, "without_rights", lambda _request: {})
    made = Store()
    yield made
    made.server.shutdown()
    made.server.server_close()


def request(store: Store, code: str, size: int, parts: int = 5) -> dict[str, Any]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", code)
    told = dict.fromkeys(giving_out.PASSED_ON, "") | {"uid": size}
    return told | {
        "key": "k", "program": base64.b64encode(packed.getvalue()).decode(), "unix_user": "nobody", "upload": "u-1",
        "parts": store.addresses(parts), "part_bytes": 1000, "authorities": "",
    }  # fmt: skip


def test_an_archive_goes_in_parts_in_order_and_its_sum_is_that_of_all(store: Store, tmp_path: Path) -> None:
    whole = bytes(range(250)) * 11
    told = give_out(request(store, WRITES + SAYS, 11), Progress(tmp_path))
    assert b"".join(store.parts.values()) == whole
    assert [len(one) for one in store.parts.values()] == [1000, 1000, 750]
    assert told == {
        "key": "k", "upload": "u-1", "tags": ['"1"', '"2"', '"3"'], "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest(),
        "missing": 0,
    }  # fmt: skip


def test_a_part_is_tried_again_where_the_store_stumbles_and_not_where_it_refuses(store: Store, tmp_path: Path) -> None:
    store.answers = [503, 500]
    assert give_out(request(store, WRITES + SAYS, 4), Progress(tmp_path))["bytes"] == 1000
    store.answers, store.asked = [503, 503, 503], 0
    with pytest.raises(Complaint) as stumbled:
        give_out(request(store, WRITES + SAYS, 4), Progress(tmp_path))
    assert (stumbled.value.kind, store.asked) == ("store", 3)
    store.answers, store.asked = [403], 0
    with pytest.raises(Complaint) as refused:
        give_out(request(store, WRITES + SAYS, 4), Progress(tmp_path))
    assert (refused.value.kind, store.asked) == ("denied", 1)


@pytest.mark.parametrize(("kind", "told"), [("database", "database"), ("gone", "gone"), ("failed", "failed")])
def test_an_exporter_that_fails_is_told_though_it_wrote_something(
    store: Store, tmp_path: Path, kind: str, told: str
) -> None:
    with pytest.raises(Complaint) as failed:
        give_out(request(store, WRITES + FAILS % kind, 2), Progress(tmp_path))
    assert (failed.value.kind, failed.value.what) == (told, "the export could not be written: it broke")


def test_an_exporter_that_dies_without_a_word_and_an_archive_without_end_are_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="without a word"):
        give_out(request(store, WRITES + "import os; os._exit(0)", 2), Progress(tmp_path))
    with pytest.raises(Complaint, match="more than") as large:
        give_out(request(store, WRITES + SAYS, 40, parts=2), Progress(tmp_path))
    assert large.value.kind == "too large"

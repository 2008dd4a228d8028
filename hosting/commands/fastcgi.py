"""Asking an instance's PHP pool directly, before it has a site: cgi-fcgi(1) of Debian's libfcgi-bin."""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

# The variables come by stdin before the form: the query string holds the session id, and argv is seen by all.
_REQUEST = """
while IFS= read -r pair && [ -n "$pair" ]; do export "$pair"; done
exec cgi-fcgi -bind -connect "$1"
"""


@dataclass(frozen=True)
class PhpAnswer:
    """A pool's answer: HTTP status, headers (lower case; of several equal ones the last), body."""

    status: int
    headers: dict[str, str]
    body: str


def request(
    socket: Path,
    code: Path,
    path: str,
    query: str,
    *,
    form: bytes = b"",
    cookie: str = "",
    gate: str = "",
    secrets: tuple[str, ...] = (),
) -> Command:
    """One request to a PHP file of an instance; the form travels on stdin.

    Args:
        socket: where the pool listens.
        code: the instance's code folder.
        path: the file in it, e.g. "config.php".
        query: the query string.
        form: an urlencoded form, empty for GET.
        cookie: the Cookie header.
        gate: the token by which an instance that is closed lets the request in.
        secrets: what must not be shown of the answer.
    """
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "phm",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "HTTPS": "on",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "POST" if form else "GET",
        "SCRIPT_FILENAME": f"{code}/{path}",
        "SCRIPT_NAME": f"/{path}",
        "REQUEST_URI": f"/{path}?{query}",
        "QUERY_STRING": query,
        "DOCUMENT_ROOT": str(code),
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if form else "",
        "CONTENT_LENGTH": str(len(form)) if form else "",
        "HTTP_COOKIE": cookie,
        "HTTP_X_PHM_GATE": gate,
        "REDIRECT_STATUS": "200",
    }
    if any("\n" in value for value in variables.values()):
        raise ValueError("A FastCGI variable holds a line break.")
    head = "".join(f"{name}={value}\n" for name, value in variables.items()) + "\n"
    hidden = (*secrets, gate)
    return script(f"request {path}", _REQUEST, str(socket), stdin=head.encode() + form, seconds=90, secrets=hidden)


def parse_answer(out: str) -> PhpAnswer:
    """The pool's answer; a head without a status line means 200 (RFC 3875 section 6.3.3)."""
    head, _, body = out.replace("\r\n", "\n").partition("\n\n")
    headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(head.encode()).items()}
    return PhpAnswer(int(headers.get("status", "200")[:3]), headers, body)

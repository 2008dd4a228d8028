"""What goes to a PHP pool, and how its answer is read."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath as Path

import pytest

from hosting.commands.fastcgi import parse_answer, request

SOCKET, CODE = Path("/run/php/x.sock"), Path("/srv/code/x/current")


@pytest.mark.parametrize(
    ("out", "status", "body"),
    [
        ("Content-Type: text/html\r\n\r\nhello", 200, "hello"),
        ("Status: 302 Found\r\nLocation: /x\r\n\r\n", 302, ""),
        ("Status: 500 Internal Server Error\nX: y\n\n<b>a\n\nb", 500, "<b>a\n\nb"),
        ("", 200, ""),
    ],
)
def test_an_answer_has_status_and_body(out: str, status: int, body: str) -> None:
    answer = parse_answer(out)
    assert (answer.status, answer.body) == (status, body)


def test_header_names_are_lower_case() -> None:
    assert parse_answer("Set-Cookie: a=b; path=/\r\nX-Y: z\r\n\r\n").headers == {
        "set-cookie": "a=b; path=/",
        "x-y": "z",
    }


def test_no_secret_is_in_the_argv() -> None:
    command = request(SOCKET, CODE, "config.php", "PHPSESSID=abc", form=b"pass=geheim", cookie="phlyMail_Session=def")
    assert not [word for word in command.argv if "abc" in word or "geheim" in word or "def" in word]
    assert b"QUERY_STRING=PHPSESSID=abc\n" in command.stdin
    assert command.stdin.endswith(b"\n\npass=geheim")


def test_the_variables_and_the_form_arrive_apart() -> None:
    command = request(SOCKET, CODE, "installer.php", "a=1&b=$(id)", form=b"x=1\ny=2\n")
    read_back = command.argv[2].replace(
        'exec cgi-fcgi -bind -connect "$1"', 'printf "%s|%s|" "$QUERY_STRING" "$CONTENT_LENGTH"; cat'
    )
    argv = [*command.argv[:2], read_back, *command.argv[3:]]
    said = subprocess.run(argv, input=command.stdin, capture_output=True, check=True, timeout=10)
    assert said.stdout == b"a=1&b=$(id)|8|x=1\ny=2\n"


def test_a_line_break_in_a_variable_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        request(SOCKET, CODE, "config.php", "a=1\nREMOTE_ADDR=10.0.0.1")

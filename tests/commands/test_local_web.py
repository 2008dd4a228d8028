"""Requests from a server to itself: what is told to the real curl, how its answer is read, what never shows."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess

import pytest

from hosting.commands.local_web import BETWEEN, ask, parse_answer
from hosting.product.pages import dav_file, session_in

BODY = b"raw \xff mail"
ONE = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/x/\r\nset-cookie: b=2; Secure\r\n\r\n"


def told(heads: str, body: str = "") -> str:
    return f"{len(BODY)} {hashlib.sha256(BODY).hexdigest()}\n{heads}{BETWEEN}{body}"


def test_an_answer_has_status_cookies_and_the_sum_of_the_whole_body() -> None:
    answer = parse_answer(told(ONE, "the beginning"))
    assert (answer.status, answer.cookies, answer.body) == (200, "a=1; b=2", "the beginning")
    assert (answer.bytes, answer.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())


def test_of_the_answers_on_the_way_to_a_digest_the_last_one_counts() -> None:
    asked_first = 'HTTP/2 401 \r\nwww-authenticate: Digest realm="x"\r\nset-cookie: old=1\r\n\r\n'
    answer = parse_answer(told(asked_first + "HTTP/2 207 \r\n\r\n"))
    assert (answer.status, answer.cookies) == (207, "")


def test_nothing_secret_stands_in_the_command_line() -> None:
    command = ask("app1.test", "/x/?PHPSESSID=abc", form="pass=geheim", cookie="c=keks", user="anna", password="pw1")
    assert not {word for word in ("abc", "geheim", "keks", "anna", "pw1") if word in command.line}
    assert "pw1" in command.secrets


@pytest.mark.parametrize("name", ["anna", "björn", 'a "quoted" one', "back\\slash", "dollar$ `x` %41"])
def test_the_real_curl_reads_each_value_as_it_was_meant(name: str) -> None:
    command = ask("app1.test", "/x/", form="user=a%26b", cookie="c=1; d=2", user=name, password="p")
    asked = asked_of_a_server(command.stdin.decode().replace("digest\n", "basic\n"))
    head, _, body = asked.partition("\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert base64.b64decode(lines["Authorization"].removeprefix("Basic ")).decode() == f"{name}:p"
    assert (lines["Cookie"], body) == ("c=1; d=2", "user=a%26b")


def asked_of_a_server(config: str) -> str:
    """What curl sends to a server of our own in place of the one that its configuration names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = config.replace("https://app1.test", f"http://127.0.0.1:{server.getsockname()[1]}")
        with subprocess.Popen(
            ["curl", "-qs", "--noproxy", "*", "--max-time", "10", "-K", "-"], stdin=subprocess.PIPE
        ) as curl:
            assert curl.stdin is not None
            curl.stdin.write(config.encode())
            curl.stdin.close()
            server.settimeout(10)
            with server.accept()[0] as came:
                asked = came.recv(65_536)
                came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return asked.decode()


def test_a_file_s_address_is_made_of_its_real_names_and_can_t_lead_round_and_round() -> None:
    folders = {1: (0, "Dateien"), 2: (1, "Übersicht 2026"), 3: (2, "a/b"), 4: (4, "itself")}
    assert dav_file("anna", folders, 1, "x.txt") == "webdav.php/anna/files/x.txt"
    assert (
        dav_file("anna", folders, 3, "ä&+.bin") == "webdav.php/anna/files/%C3%9Cbersicht%202026/a%2Fb/%C3%A4%26%2B.bin"
    )
    assert dav_file("anna", folders, 9, "x") == "webdav.php/anna/files/x"
    assert dav_file("anna", folders, 4, "x").endswith("/x")


def test_the_session_is_found_in_a_page() -> None:
    assert session_in('<form action="index.php?PHPSESSID=a1,-b&amp;x">') == "a1,-b"
    assert session_in("") == ""

"""The receiver's process with the board at a door of its own, and without it where another program has that door."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.deployments.web.conftest import new_secret
from tests.deployments.web.processes import ReceiverProcess, run_serve
from tests.service.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_one_process_has_two_doors_and_customers_pages_don_t_wait_for_the_board_s(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    one, two = (
        ReceiverProcess(home, f"sqlite:///{home}/inventory.db", new_secret(), board_port=port)
        for home, port in zip(homes, [free_port()] * 2, strict=True)
    )
    one.start()
    try:
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"http://127.0.0.1:{one.board_port}/").headers["location"] == "/login"
            assert client.get(f"{one.url}/login").status_code == 404
            two.start()
            assert client.get(f"{two.url}/health").status_code == 200
        assert (
            f"the board is not served: 127.0.0.1:{one.board_port}: Address already in use; end the program" in two.log
        )
        assert two.stop() == 0
    finally:
        assert one.stop() == 0


def test_a_receiver_without_its_own_port_says_so_in_one_sentence_and_ends(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        receiver = ReceiverProcess(tmp_path, f"sqlite:///{tmp_path}/inventory.db", new_secret(), port)
        receiver._write_settings()
        code, said = run_serve(tmp_path)
    assert code == 1
    assert f"The receiver can't listen on 127.0.0.1:{port}: Address already in use. End the program" in said

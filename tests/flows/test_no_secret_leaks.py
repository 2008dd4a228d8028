"""No secret in any log, run parameter, artifact, process list or exception; and the search finds one where there is one."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import pytest

from deployments.runtime.environment import Places, api_login
from hosting.product.layout import InstanceLayout
from tests.service.secrets import everywhere, found_in, sampled_processes, secrets_of

if TYPE_CHECKING:
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

PLACED = f"PlacedOnPurpose{random.token_hex(8)}"
LIVE_SECONDS = 3


@dataclass(frozen=True)
class Searched:
    """What the places held after a run while processes were watched.

    Args:
        places: by name.
        secrets: what must not be in them, by name.
        outcome: of the run.
    """

    places: dict[str, bytes]
    secrets: dict[str, str]
    outcome: Outcome


@pytest.fixture(scope="module")
def searched(service: Service) -> Searched:
    order = service.order()
    with sampled_processes(service) as local:
        outcome = service.run(order)
        place_on_purpose(service, UUID(outcome.run_id))
    assert outcome.completed, outcome
    instance = service.instance(order)
    provoke_php(service, order)
    places = everywhere(service)
    places["the local process list"] = b"\n".join(local)
    return Searched(places, secrets_of(service, instance), outcome)


def place_on_purpose(service: Service, run: UUID) -> None:
    """One known text in each place, the way a secret would come there."""
    login = tuple(api_login(Places(service.home)).split(":", 1))
    with httpx.Client(base_url=service.settings.prefect_api_url, trust_env=False, auth=login) as api:
        token = api.get("/csrf-token", params={"client": "test"}).json()["token"]
        api.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"})
        flow = api.get(f"/flow_runs/{run}").json()["flow_id"]
        now = datetime.now(UTC).isoformat()
        posts = {
            "/flow_runs/": {
                "flow_id": flow,
                "parameters": {"order": f"parameter-{PLACED}"},
                "state": {"type": "SCHEDULED"},
            },
            "/logs/": [
                {"name": "x", "level": 20, "message": f"log-{PLACED}", "timestamp": now, "flow_run_id": str(run)}
            ],
            "/artifacts/": {"key": "placed", "type": "markdown", "data": f"artifact-{PLACED}", "flow_run_id": str(run)},
        }
        for path, content in posts.items():
            assert api.post(path, json=content).is_success, path
    service.on(
        f"logger journal-{PLACED}; echo file-{PLACED} >/var/log/phm-placed; echo file-{PLACED} >/tmp/phm-placed; sh -c 'sleep {LIVE_SECONDS}; true' argv-{PLACED}"
    )
    (service.home / "log" / "placed.log").write_text(PLACED)
    with service.runner.log.open("a") as log:
        log.write(f"{PLACED}\n")


def provoke_php(service: Service, order: str) -> None:
    """Errors in PHP: its log could name what functions were called with."""
    layout = InstanceLayout.of(service.instance(order))
    host = service.server().host_name
    with service.broken("systemctl stop mariadb", "systemctl start mariadb"):
        for path in ("", "config.php", "api.php", "webdav.php/"):
            service.on(
                f"curl -sk --max-time 10 -o /dev/null --resolve {host}:443:127.0.0.1 https://{host}{layout.path}{path}; true"
            )
        service.on(
            f"grep -v '^#' {layout.cron_file} | sed -n 's/^[* ]* //p' >/run/phm/cron.sh; runuser -u {layout.user} -- sh -c \"$(sed 's/^[^ ]* //; s/>.*//' /run/phm/cron.sh)\" 2>&1; true"
        )


def test_no_secret_is_in_any_place(searched: Searched) -> None:
    assert len(searched.secrets) == len(set(searched.secrets.values()))
    assert min(map(len, searched.secrets.values())) > 9
    found = {
        place: names for place, content in searched.places.items() if (names := found_in(content, searched.secrets))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("place", "sign"),
    [
        ("Prefect's database and results", "parameter-"),
        ("Prefect's database and results", "log-"),
        ("Prefect's database and results", "artifact-"),
        ("the services' logs", ""),
        ("what the runs said", ""),
        ("the host's journal", "journal-"),
        ("the host's logs", "file-"),
        ("the host's temporary files", "file-"),
        ("the host's process list", "argv-"),
        ("the local process list", "argv-"),
    ],
)
def test_what_is_placed_on_purpose_is_found(searched: Searched, place: str, sign: str) -> None:
    assert "placed" in found_in(searched.places[place], {"placed": f"{sign}{PLACED}"})


def test_secrets_known_by_their_form_are_found() -> None:
    assert found_in(b"GET /x?X-Amz-Date=1&X-Amz-Signature=0123456789abcdef0123 HTTP", {}) == ["a signed link"]
    assert found_in(b"GET /config.php?PHPSESSID=abcdefghij0123456789 HTTP", {}) == ["a session of the product"]


@pytest.mark.parametrize("program", ["installer.php", "config.php"])
def test_a_product_that_tells_what_it_was_sent_leaks_nothing_by_an_exception(service: Service, program: str) -> None:
    """The release on the server answers with the form it got: passwords of database and administrator among it."""
    order = service.order()
    folder = service.on("ls -d /srv/releases/*").split()[0]
    telling = "<?php http_response_code(500); echo json_encode($_POST), json_encode($_GET), json_encode($_SERVER);"
    with service.broken(
        f"cp -p {folder}/{program} /root/kept; rm {folder}/{program}; printf %s '{telling}' >{folder}/{program}",
        f"cp -p /root/kept {folder}/{program}",
    ):
        outcome = service.run(order)
    assert outcome.state == "Failed"
    instance = service.instance(order)
    secrets = {purpose: service.secret(instance, purpose) for purpose in ("database", "root_admin")}
    assert found_in(outcome.message.encode(), secrets) == [], outcome.message
    letters = [mail for mail in service.fleet.mails(service.settings.mail.operator) if f"order {order}" in mail.text]
    assert len(letters) == 1
    assert found_in(letters[0].path.read_bytes(), secrets) == []
    assert {
        place: names
        for place, content in everywhere_but_processes(service).items()
        if (names := found_in(content, secrets))
    } == {}
    assert service.run(order).completed


def everywhere_but_processes(service: Service) -> dict[str, bytes]:
    """The places that hold what was said, without the samples of another run."""
    return {place: content for place, content in everywhere(service).items() if "process list" not in place}

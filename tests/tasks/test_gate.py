"""What waits in the queue of an instance's pool when its update closes it begins no more: it is refused (P17)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import updating
from hosting.policy.limits import LIMITS
from hosting.policy.roll_outs import UpdateState
from hosting.policy.way_back import WayBack
from tasks import update_stop
from tasks.update_records import Update
from tests.service.customer import site

if TYPE_CHECKING:
    from hosting.product.layout import InstanceLayout
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

ASKED = 60
"""Requests at once: those that run, and a queue behind them."""

SLOW = """<?php
$no = (int) $_GET['no'];
$at = dirname(__DIR__) . '/current/storage/config/phm-test-';
touch($at . "begun-$no");
usleep(1500000);
touch($at . "written-$no");
echo 'DONE';
"""

# Each has passed the web server already: it is handed to the pool itself.
ASK = """
export GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REQUEST_METHOD=GET REDIRECT_STATUS=200
export SCRIPT_FILENAME=$2/phm-test-slow.php SCRIPT_NAME=/phm-test-slow.php
rm -rf /tmp/phm-test-gate; mkdir /tmp/phm-test-gate
for no in $(seq $3); do
  QUERY_STRING=no=$no cgi-fcgi -bind -connect $1 >/tmp/phm-test-gate/$no 2>&1 &
done
wait; touch /tmp/phm-test-gate/all
"""


def seen(service: Service, layout: InstanceLayout, what: str) -> int:
    """How many requests have begun or written."""
    return int(service.on(f"find {layout.storage}/config -name 'phm-test-{what}-*' | wc -l"))


def wait_until(service: Service, condition: str) -> None:
    """Until something is true on the server, half a minute at most."""
    service.on(f"for i in $(seq 300); do {condition} && exit 0; sleep 0.1; done; exit 1")


def test_what_waits_for_a_process_when_the_gate_shuts_is_refused_and_writes_nothing(service: Service) -> None:
    instance = service.provision()
    update = Update(1, instance, instance.release, UpdateState.STOPPED, 1, WayBack())
    layout, server = update.old, service.server(instance.server_name)
    service.on(f"cat >{layout.code}/phm-test-slow.php <<'END'\n{SLOW}\nEND\nchmod 644 {layout.code}/phm-test-slow.php")
    service.on(f"cat >/tmp/phm-test-ask <<'END'\n{ASK}\nEND")
    service.on(f"setsid sh /tmp/phm-test-ask {layout.socket} {layout.code} {ASKED} >/dev/null 2>&1 </dev/null &")
    wait_until(service, f"ls {layout.storage}/config/phm-test-written-1* >/dev/null 2>&1")
    began = time.monotonic()
    update_stop.close.fn(server, update)
    closed = time.monotonic() - began
    begun, written = seen(service, layout, "begun"), seen(service, layout, "written")
    wait_until(service, "[ -e /tmp/phm-test-gate/all ]")
    assert (seen(service, layout, "begun"), seen(service, layout, "written")) == (begun, written)
    assert 0 < written <= begun < ASKED
    refused = int(service.on("grep -l 'is being updated' /tmp/phm-test-gate/* | wc -l"))
    assert refused >= ASKED - begun - LIMITS.web_processes  # some were with a process that was ended
    assert refused > 0
    assert closed < 10
    assert site(service, instance).ask("api.php").status_code == 503
    service.on(f"rm -rf {layout.code}/phm-test-slow.php {layout.storage}/config/phm-test-* /tmp/phm-test-*")
    load(SshHost).connection(server).run(updating.open_gate(layout.gate))
    assert site(service, instance).ask("api.php").status_code == 401

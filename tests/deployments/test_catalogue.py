"""The catalogue fits the flows, without any server."""

from pathlib import Path

import pytest
from prefect.client.schemas.schedules import CronSchedule

from deployments.apply import form_of, load_flow
from deployments.catalogue import DEPLOYMENTS, QUEUES, ZONE, Deployment, flow_modules
from hosting.inventory.work import (
    ASSIGN_SUBDOMAIN,
    BACK_UP_SERVER,
    CHANGE_BOOKING,
    CONNECT_DOMAIN,
    DISCONNECT_DOMAIN,
    END_CONTRACT,
    EVACUATE,
    EXPORT,
    MOVE,
    PROVISION,
    RELEASE_SUBDOMAIN,
    RENEW_CERTIFICATE,
    RESUME,
    SUSPEND,
    UPDATE_APPLICATION,
)
from tasks.runs import PARAMETERS

each = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
ROOT = Path(__file__).parents[2]


@each
def test_each_entrypoint_is_a_flow_of_the_deployments_name(deployment: Deployment) -> None:
    assert load_flow(deployment).name == deployment.name


@each
def test_each_schedule_is_a_cron_outside_the_hour_that_is_there_twice_or_never(deployment: Deployment) -> None:
    for slug, cron in deployment.crons.items():
        CronSchedule(cron=cron, timezone=ZONE)
        hour = cron.split()[1]
        assert hour not in {"2", "02"}, slug


@each
def test_each_description_says_what_it_does_and_where_help_is(deployment: Deployment) -> None:
    assert deployment.queue in QUEUES
    assert (ROOT / deployment.runbook).is_file()
    assert deployment.runbook in deployment.description
    assert all(promise in deployment.description for promise in deployment.promises)


SUBJECTS = {
    PROVISION: "A-1001",
    BACK_UP_SERVER: "app1@2026-11-26T22:30Z",
    CHANGE_BOOKING: "k3v9q2@2027-02-10",
    MOVE: "7",
    EVACUATE: "app1#3",
    EXPORT: "12",
    ASSIGN_SUBDOMAIN: "k3v9q2#17",
    RELEASE_SUBDOMAIN: "k3v9q2#17",
    CONNECT_DOMAIN: "k3v9q2#18@0123456789ab",
    DISCONNECT_DOMAIN: "k3v9q2#18",
    RENEW_CERTIFICATE: "k3v9q2#18@0123456789ab.1795716000",
    END_CONTRACT: "k3v9q2#5",
    UPDATE_APPLICATION: "4:app1@2026-11-26T22:30Z",
    SUSPEND: "k3v9q2@2026-11-26T22:30:00Z",
    RESUME: "k3v9q2@2026-11-26T22:30:00Z",
}


def test_each_kind_of_work_has_a_deployment_and_parameters_that_its_form_takes() -> None:
    by_name = {deployment.name: deployment for deployment in DEPLOYMENTS}
    for kind, parameters in PARAMETERS.items():
        given = parameters(SUBJECTS[kind])
        assert set(load_flow(by_name[kind]).validate_parameters(given)) == set(given), kind


def test_the_form_of_provision_instance_is_as_operators_know_it() -> None:
    provision = next(deployment for deployment in DEPLOYMENTS if deployment.name == "provision-instance")
    form = form_of(load_flow(provision))
    assert form["required"] == ["request"]
    fields = form["definitions"]["ProvisionRequest"]
    assert fields["required"] == ["order"]
    assert {name: (field["type"], field["title"]) for name, field in fields["properties"].items()} == {
        "order": ("string", "Order"),
        "operator": ("string", "Operator"),
        "reason": ("string", "Reason"),
        "outside_hours": ("boolean", "Also outside service hours"),
    }
    assert all(field["description"] for field in fields["properties"].values())


def test_the_warm_parent_imports_every_flow_once() -> None:
    assert flow_modules() == sorted({deployment.module for deployment in DEPLOYMENTS})

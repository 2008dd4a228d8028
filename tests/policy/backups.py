"""The words in which the tests of backups speak: generations and points of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hosting.policy.states import GenerationState
from hosting.policy.values import GenerationFacts, InstanceName, PointFacts, PointKind, ReleaseId, ServerName

if TYPE_CHECKING:
    from datetime import datetime

NAME = InstanceName("k3v9aa")
APP1, APP2 = ServerName("app1"), ServerName("app2")
MIB = 2**20


def generation(
    name: str, begun_at: datetime, state: GenerationState = GenerationState.OPEN, **changes: Any
) -> GenerationFacts:
    return GenerationFacts(
        **{
            "id": name,
            "instance_name": NAME,
            "server_name": APP1,
            "begun_at": begun_at,
            "state": state,
            "wrapped_password": "wrapped",
            "bytes_added": MIB,
            **changes,
        }
    )


def point(
    of: str, taken_at: datetime, kind: PointKind = PointKind.INCREMENTAL, instance: str = NAME, **changes: Any
) -> PointFacts:
    return PointFacts(
        **{
            "id": f"{of}-{taken_at:%Y%m%d%H%M}",
            "instance_name": InstanceName(instance),
            "generation": of,
            "server_name": APP1,
            "kind": kind,
            "taken_at": taken_at,
            "release_id": ReleaseId("ab" * 32),
            "manifest": {"tables": 56},
            "database_snapshot": "d" * 64,
            "files_snapshot": "f" * 64,
            "bytes_added": MIB,
            "seconds": 2.5,
            **changes,
        }
    )

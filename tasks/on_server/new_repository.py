"""A new restic repository in the store, made with a key that sees nothing of the bucket but its own prefix.

restic 0.14 insists on looking at the bucket itself before it makes a repository there (its issue 4085), which would
show each server the names of all others' instances. So restic makes the repository in a folder, and its two files are
put into the store from here. What was made stays in the folder until both are there: a second key that opens with the
same password, and fits another config, would spoil the repository.

Runs on servers: standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import shutil
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PUT_SECONDS = 30
ATTEMPTS = 3
ALGORITHM = "AWS4-HMAC-SHA256"


class StoreRefusedFile(Exception):
    """The store did not take a file; its own words."""


def make(request: Mapping[str, Any], init: Callable[[str], object]) -> None:
    """Make the repository; what a run that was killed had made is put again, not made anew.

    Args:
        request: `repository`, `access_key`, `secret_key`, `authorities` (a file), `region`, `work` (a folder).
        init: has restic make a repository in the folder of this name.

    Raises:
        StoreRefusedFile: the store says no, or nothing.
    """
    name = hashlib.sha256(request["repository"].encode()).hexdigest()[:16]
    folder = Path(request["work"]) / f"repository-{name}"
    for other in {*Path(request["work"]).glob("repository-*")} - {folder}:
        shutil.rmtree(other)  # of a run that was killed, and whose repository nobody asks for any more
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        init(str(folder / "new"))
        (folder / "made").touch()
    for file in (*(folder / "new" / "keys").iterdir(), folder / "new" / "config"):
        put(request, str(file.relative_to(folder / "new")), file.read_bytes())
    shutil.rmtree(folder)


def put(request: Mapping[str, Any], path: str, content: bytes) -> None:
    """Put a small file below the repository; what got no answer is tried again.

    Raises:
        StoreRefusedFile: the store says no, or nothing.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            status, said = _put_once(request, path, content)
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, type(error).__name__
        if status == http.client.OK:
            return
        if 0 < status < http.client.INTERNAL_SERVER_ERROR or attempt == ATTEMPTS:
            raise StoreRefusedFile(f"the store did not take the new repository's {path}: {status} {said[:200]}")
        time.sleep(attempt)


def _put_once(request: Mapping[str, Any], path: str, content: bytes) -> tuple[int, str]:
    """One request to the store: its status and words."""
    place = urlsplit(request["repository"].removeprefix("s3:"))
    resource = quote(f"{place.path}/{path}")
    if place.scheme == "https":
        trusted = ssl.create_default_context(cafile=request.get("authorities") or None)
        connection = http.client.HTTPSConnection(place.netloc, timeout=PUT_SECONDS, context=trusted)
    else:
        connection = http.client.HTTPConnection(place.netloc, timeout=PUT_SECONDS)  # type: ignore[assignment]
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        connection.request("PUT", resource, content, signed(request, place.netloc, resource, content, at))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def signed(request: Mapping[str, Any], host: str, resource: str, content: bytes, at: str) -> dict[str, str]:
    """The headers of a PUT with AWS's signature, version 4.

    A bucket with an object lock asks for the checksum of what is put (Content-MD5).
    """
    digest = hashlib.sha256(content).hexdigest()
    headers = {
        "content-md5": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": at,
    }
    names = ";".join(headers)
    asked = "\n".join(["PUT", resource, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, digest])
    scope = f"{at[:8]}/{request['region']}/s3/aws4_request"
    key = f"AWS4{request['secret_key']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    said = "\n".join([ALGORITHM, at, scope, hashlib.sha256(asked.encode()).hexdigest()])
    signature = hmac.new(key, said.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={request['access_key']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers

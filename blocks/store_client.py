"""What the S3 store's blocks have in common: a client that trusts the service's authorities, its errors in words."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hosting.errors import ServiceError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 5
ATTEMPTS = 3
TROUBLE = frozenset({500, 502, 503, 504})
"""HTTP's answers that tell of the store's own trouble, which may pass."""

NOT_FOUND = "NotFound"
BARE = {"403": "AccessDenied", "404": NOT_FOUND}
"""An answer to HEAD has no words: its number, in the words of the others."""


class StoreRefused(ServiceError):
    """The store answered no; carries its own word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The object store refused: {code}.", "Check its credentials and bucket.")
        self.code = code


def client_for(endpoint: str, region: str, access_key: str, secret_key: str, authorities_pem: str = "") -> S3Client:
    """A client; the authorities are handed to it as a file that lives in memory and ends with the process.

    Buckets are named in the path: a store of one's own has no name of its own for each bucket.
    """
    verify: str | None = None
    if authorities_pem:
        memory = os.memfd_create("authorities")
        os.write(memory, authorities_pem.encode())
        verify = f"/proc/self/fd/{memory}"
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=verify,
        config=Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            retries={"max_attempts": ATTEMPTS},
            s3={"addressing_style": "path"},
        ),
    )


def read_models() -> None:
    """Have boto3 read what it knows of S3, which takes as long as some requests: for a parent of processes to come."""
    client_for("http://localhost", "eu-central-1", "nobody", "nothing").close()


@contextmanager
def asking(endpoint: str) -> Iterator[None]:
    """Tell what the store says, or that it says nothing, in the service's words.

    Raises:
        StoreRefused: it answered no.
        Unreachable: it does not answer, or has trouble of its own.
    """
    try:
        yield
    except ClientError as error:
        raise _told(endpoint, error) from error
    except S3UploadFailedError as error:  # boto3's own, of neither family; the store's answer is its cause
        cause = error.__context__
        raise (_told(endpoint, cause) if isinstance(cause, ClientError) else _silence(endpoint, error)) from error
    except BotoCoreError as error:
        raise _silence(endpoint, error) from error


def _told(endpoint: str, error: ClientError) -> ServiceError:
    """An answer that is none of the good ones."""
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in TROUBLE:
        return _silence(endpoint, error)
    code = error.response["Error"].get("Code", "?")
    return StoreRefused(BARE.get(code, code))


def _silence(endpoint: str, error: Exception) -> Unreachable:
    """The store did not answer."""
    return Unreachable(f"The object store {endpoint} does not answer ({type(error).__name__}).", "Look at the store.")

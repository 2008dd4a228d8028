"""The S3 object store."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import botocore.exceptions
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from hosting.errors import ServiceError, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 900
"""A server may fetch what it was given a link to for so long."""


class ObjectStore(Block):
    """An S3 store with credentials; data goes straight between it and the servers."""

    _block_type_name = "phlyMail object store"
    _block_type_slug = "phm-object-store"
    endpoint: str = Field(title="Endpoint", description="For example https://s3.example.de")
    region: str = Field("eu-central-1", title="Region")
    access_key: str = Field(title="Access key")
    secret_key: SecretStr = Field(title="Secret key")
    bucket: str = Field("phm-releases", title="Bucket for releases")
    authorities_pem: str = Field("", title="Authorities", description="Certificate authorities to trust for it, PEM.")

    @cached_property
    def client(self) -> S3Client:
        """A client; the authorities are handed to it as a file that lives in memory and ends with the process."""
        verify: str | None = None
        if self.authorities_pem:
            memory = os.memfd_create("authorities")
            os.write(memory, self.authorities_pem.encode())
            verify = f"/proc/self/fd/{memory}"
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key.get_secret_value(),
            verify=verify,
            config=Config(signature_version="s3v4", connect_timeout=5, retries={"max_attempts": 3}),
        )

    def has(self, key: str) -> bool:
        """Whether an object is there.

        Raises:
            Unreachable: the store does not answer.
        """
        try:
            self.client.head_object(Bucket=self.bucket, Key=key)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004  # HTTP's "not found"
                return False
            raise self._refusal(error) from error
        except botocore.exceptions.BotoCoreError as error:
            raise self._silence(error) from error
        return True

    def put(self, key: str, file: Path) -> None:
        """Store a file under a key; the bucket is made if it isn't there.

        Raises:
            Unreachable: the store does not answer.
        """
        try:
            names = {bucket.get("Name") for bucket in self.client.list_buckets()["Buckets"]}
            if self.bucket not in names:
                self.client.create_bucket(Bucket=self.bucket)
            self.client.upload_file(str(file), self.bucket, key)
        except botocore.exceptions.ClientError as error:
            raise self._refusal(error) from error
        except S3UploadFailedError as error:  # boto3's own, of neither family; the store's answer is its cause
            if isinstance(error.__context__, botocore.exceptions.ClientError):
                raise self._refusal(error.__context__) from error
            raise self._silence(error) from error
        except botocore.exceptions.BotoCoreError as error:
            raise self._silence(error) from error

    def link(self, key: str) -> str:
        """A link by which a server fetches an object for a quarter of an hour; it is a secret for that time."""
        return self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )

    def _refusal(self, error: botocore.exceptions.ClientError) -> ServiceError:
        """The store answered no."""
        return ServiceError(
            f"The object store refused: {error.response['Error'].get('Code', '?')}.",
            "Check its credentials and bucket.",
        )

    def _silence(self, error: Exception) -> Unreachable:
        """The store did not answer."""
        return Unreachable(
            f"The object store {self.endpoint} does not answer ({type(error).__name__}).", "Look at the store."
        )

"""The S3 object store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.store_client import NOT_FOUND, StoreRefused, asking, client_for

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
        """A client for the service's own account."""
        secret = self.secret_key.get_secret_value()
        return client_for(self.endpoint, self.region, self.access_key, secret, self.authorities_pem)

    def has(self, key: str) -> bool:
        """Whether an object is there.

        Raises:
            Unreachable: the store does not answer.
        """
        try:
            with asking(self.endpoint):
                self.client.head_object(Bucket=self.bucket, Key=key)
        except StoreRefused as refused:
            if refused.code == NOT_FOUND:
                return False
            raise
        return True

    def put(self, key: str, file: Path) -> None:
        """Store a file under a key; the bucket is made if it isn't there.

        Raises:
            Unreachable: the store does not answer.
        """
        with asking(self.endpoint):
            names = {bucket.get("Name") for bucket in self.client.list_buckets()["Buckets"]}
            if self.bucket not in names:
                self.client.create_bucket(Bucket=self.bucket)
            self.client.upload_file(str(file), self.bucket, key)

    def get(self, key: str, file: Path) -> None:
        """Fetch an object into a file.

        Raises:
            StoreRefused: there is no such object, or it is not for us.
            Unreachable: the store does not answer.
        """
        with asking(self.endpoint):
            self.client.download_file(self.bucket, key, str(file))

    def link(self, key: str) -> str:
        """A link by which a server fetches an object for a quarter of an hour; it is a secret for that time."""
        return self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )

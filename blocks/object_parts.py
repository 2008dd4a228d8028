"""Objects that who has no key writes in parts, and who has no key fetches: by signed addresses (P41)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from blocks.store_client import NOT_FOUND, StoreRefused, asking
from hosting.errors import DriftFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

SEND_SECONDS = 12 * 3600
"""An address for a part is good for so long: it writes that part of that object, and nothing else."""

FETCH_SECONDS = 3600
"""An address to fetch by has to be used within; what is begun goes on."""

NO_UPLOAD = "NoSuchUpload"


@dataclass(frozen=True)
class Upload:
    """An object on its way: the store's name of the upload, an address for each part."""

    id: str
    addresses: tuple[str, ...]


class ObjectParts:
    """Objects of a bucket that come in parts.

    Args:
        client: the store's administrator.
        endpoint: of the store, as errors name it.
        bucket: in which they lie.
    """

    def __init__(self, client: S3Client, endpoint: str, bucket: str) -> None:
        self._client, self._endpoint, self._bucket = client, endpoint, bucket

    def begin(self, key: str, parts: int, content_type: str) -> Upload:
        """An upload with an address for each of so many parts.

        Raises:
            Unreachable: the store does not answer.
        """
        with asking(self._endpoint):
            made = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        about = {"Bucket": self._bucket, "Key": key, "UploadId": made["UploadId"]}
        addresses = tuple(
            self._client.generate_presigned_url(
                "upload_part", Params={**about, "PartNumber": number}, ExpiresIn=SEND_SECONDS
            )
            for number in range(1, parts + 1)
        )
        return Upload(made["UploadId"], addresses)

    def join(self, key: str, upload: str, tags: Sequence[str], size: int) -> None:
        """The parts become the object; again, it is the object already.

        Raises:
            DriftFound: the object is not as large as what was sent.
            Unreachable: the store does not answer.
        """
        parts: list[CompletedPartTypeDef] = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]
        try:
            with asking(self._endpoint):
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                )
        except StoreRefused as refused:
            if refused.code != NO_UPLOAD:
                raise
        if self.size_of(key) != size:
            raise DriftFound(f"The store does not hold {key} as it was sent.", "Run again: it is written anew.")

    def size_of(self, key: str) -> int | None:
        """The bytes of an object; None where it isn't there.

        Raises:
            Unreachable: the store does not answer.
        """
        try:
            with asking(self._endpoint):
                return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except StoreRefused as refused:
            if refused.code == NOT_FOUND:
                return None
            raise

    def link(self, key: str, name: str) -> str:
        """An address by which an object can be fetched for an hour, under a name; it is a secret for that time."""
        shown = f"attachment; filename=\"export.zip\"; filename*=UTF-8''{quote(name)}"
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": shown},
            ExpiresIn=FETCH_SECONDS,
        )

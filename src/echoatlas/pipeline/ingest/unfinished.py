"""Multipart uploads that were begun and never finished: they cost storage and no listing has them.

S3 alone knows of such; of a folder of this machine there is nothing to ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from echoatlas.pipeline.storage.s3_client import s3_client, service_faults
from echoatlas.pipeline.storage.storage import S3Storage, Storage


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload that is under way, or that was given up. Trusted zone.

    Attributes:
        key: where it would lie.
        begun: seconds since 1970.
    """

    key: str
    upload_id: str
    begun: float


def unfinished(bucket: Storage) -> list[Unfinished]:
    """All multipart uploads into a site's bucket that are not finished, in order of keys.

    Raises:
        UsageError: they may not be listed.
        Retry: the network or the service failed.
    """
    if not isinstance(bucket, S3Storage):
        return []
    found: list[Unfinished] = []
    with service_faults(bucket):
        pages = s3_client(bucket).get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=bucket.bucket, Prefix=bucket.prefix):
            for one in page.get("Uploads", ()):
                if one["Key"].startswith(bucket.prefix):
                    key = one["Key"].removeprefix(bucket.prefix)
                    found.append(Unfinished(key, one["UploadId"], one["Initiated"].timestamp()))
    return sorted(found, key=lambda one: (one.key, one.begun))


def abort(bucket: Storage, some: Iterable[Unfinished]) -> int:
    """Give up multipart uploads; those that are finished or gone by now are passed over.

    Returns:
        How many were given up.
    """
    if not isinstance(bucket, S3Storage):
        return 0
    number = 0
    with service_faults(bucket):
        client = s3_client(bucket)
        for one in some:
            try:
                client.abort_multipart_upload(
                    Bucket=bucket.bucket, Key=bucket.prefix + one.key, UploadId=one.upload_id
                )
            except client.exceptions.NoSuchUpload:
                continue
            number += 1
    return number

"""What lies in a site's bucket, whatever its names are.

A site names its files as it likes. Of S3 this module asks by ``boto3``, which hands every key over
as it is; ``obstore``, which reads and writes all else, ends a whole listing at the first key that
it would not take: one with a control character, or an empty, "." or ".." part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.s3 import demand_credentials, s3_fault
from echoatlas.pipeline.storage import Entry, S3Storage, Storage

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKERS = ("/", "_$folder$")  # how keys end that a console, or Hadoop, makes for an empty folder


def uploaded(bucket: Storage) -> list[Entry]:
    """Everything in a site's bucket in order of keys, but for what only marks a folder.

    Raises:
        UsageError: there is no such bucket, or it may not be read.
        Retry: the network or the service failed.
    """
    found = _keys(bucket) if isinstance(bucket, S3Storage) else bucket.list()
    return sorted(one for one in found if one.key and not _is_marker(one))


def is_readable(bucket: Storage, key: str) -> bool:
    """Whether what lies under a key can be read, and told of in a receipt.

    Not where a part of an S3 key is empty, "." or "..", which readers take for another key, nor
    where it has a control character. A file system's names are read as they are.
    """
    if not isinstance(bucket, S3Storage):
        return True
    plain = all(" " <= one != "\x7f" for one in key)
    return plain and not any(part in ("", ".", "..") for part in key.split("/"))


def _is_marker(entry: Entry) -> bool:
    return entry.size == 0 and entry.key.endswith(MARKERS)


def _keys(bucket: S3Storage) -> Iterator[Entry]:
    from botocore.exceptions import BotoCoreError, ClientError

    demand_credentials(bucket.uri, bucket.zone)
    try:
        for item in _items(bucket):
            key = item["Key"].removeprefix(bucket.prefix)
            yield Entry(key, item["Size"], item.get("ETag", "").strip('"'))
    except ClientError as error:
        said = error.response
        status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        told = f"{said.get('Error', {}).get('Code', '')} status: {status}"
        raise s3_fault(told, bucket.uri, bucket.zone) from None
    except BotoCoreError as error:
        raise s3_fault(str(error), bucket.uri, bucket.zone) from None


def _items(bucket: S3Storage) -> Iterable[Any]:
    import boto3
    from botocore.config import Config

    settings = bucket.options()
    client = boto3.client(
        "s3",
        endpoint_url=settings.get("AWS_ENDPOINT_URL"),
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=settings.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=settings.get("AWS_SESSION_TOKEN"),
        config=Config(signature_version="s3v4", retries={"mode": "standard", "max_attempts": 4}),
    )
    pages = client.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket.bucket, Prefix=bucket.prefix):
        yield from page.get("Contents", ())

"""What lies in a site's bucket, whatever its names are.

A site names its files as it likes. Of S3 this module asks by ``boto3``, which hands every key over
as it is; ``obstore``, which reads and writes all else, ends a whole listing at the first key that
it would not take: one with a control character, or an empty, "." or ".." part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.storage.s3_client import s3_client, service_faults
from echoatlas.pipeline.storage.storage import BY_KEY, Entry, S3Storage, Storage

if TYPE_CHECKING:
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

RECEIPTS = "_receipts/"  # what EchoAtlas writes for the site to read
MARKERS = ("/", "_$folder$")  # how keys end that a console, or Hadoop, makes for an empty folder


def receipts_at(bucket: Storage) -> Storage:
    """Where a site's receipts lie: on S3 beside its prefix, so that its key may read them and can't
    write over them; elsewhere in a folder of its own.

    Raises:
        UsageError: the bucket is one to which nothing is written.
    """
    if isinstance(bucket, S3Storage):
        return S3Storage(f"s3://{bucket.bucket}/{RECEIPTS}{bucket.prefix}", bucket.zone)
    return bucket.sub(RECEIPTS.rstrip("/"))


def uploaded(bucket: Storage) -> list[Entry]:
    """Everything in a site's bucket in order of keys, but for what only marks a folder.

    Raises:
        UsageError: there is no such bucket, or it may not be read.
        Retry: the network or the service failed.
    """
    found = _keys(bucket) if isinstance(bucket, S3Storage) else bucket.list()
    return sorted((one for one in found if one.key and not _is_marker(one)), key=BY_KEY)


def bucket_state(bucket: Storage, listed: Iterable[Entry], key: SiteKey) -> str:
    """A digest of what lies in a bucket, and of what its service says is not there.

    Args:
        listed: all of it, in order.
        key: the deployment's, without which nobody can try names.
    """
    digest = hashlib.sha256()
    for one in listed:
        line = f"{one.key}\0{one.size}\0{one.tag}\0{one.changed!r}\0"
        digest.update(line.encode(errors="surrogateescape"))
    digest.update(json.dumps(sorted(bucket.absent().items())).encode())
    return key.pseudonym("listing", digest.hexdigest())


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
    with service_faults(bucket):
        pages = s3_client(bucket).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket.bucket, Prefix=bucket.prefix):
            for item in page.get("Contents", ()):
                key = item["Key"].removeprefix(bucket.prefix)
                changed = item["LastModified"].timestamp()
                yield Entry(key, item["Size"], item.get("ETag", "").strip('"'), changed)

"""Uploads without S3 tools: forms and addresses that are signed for one purpose and a time.

What is signed is checked by the service: a form's key, size and time; of an address length,
SHA-256, type, and that nothing lies there yet. The signature is made with the deployment's own
credentials, so it is narrower than those: it only ever lets something be put.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.uploads import RECEIPTS
from echoatlas.pipeline.storage.s3_client import s3_client, service_faults

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import S3Storage

MOST_HOURS = 168.0  # what AWS signs at most with a user's key
MB = 10**6
UPLOAD = re.compile(r"[\w][\w .-]{0,99}")  # of an upload's folder: none that a receipt lies in


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a browser or curl posts.

    Attributes:
        url: where to.
        fields: to be sent before the file, which comes last and is called ``file``.
        prefix: under which the file lies; its own name is appended.
        max_bytes: of the file.
        hours: for which the form is good.
    """

    url: str
    fields: dict[str, str]
    prefix: str
    max_bytes: int
    hours: float


def upload_form(bucket: S3Storage, upload: str, hours: float, max_mb: int) -> Form:
    """A form by which files can be put into one upload's folder of a site.

    Raises:
        UsageError: the folder's name or the time can't be signed.
    """
    if not UPLOAD.fullmatch(upload) or f"{upload}/" == RECEIPTS:
        raise UsageError(f"'{upload}' is no name for an upload: letters, digits, '-', '_', '.'")
    _demand_time(hours)
    start = f"{bucket.prefix}{upload}/"
    most = max_mb * MB
    with service_faults(bucket):
        signed = s3_client(bucket).generate_presigned_post(
            bucket.bucket,
            f"{start}${{filename}}",
            Conditions=[["starts-with", "$key", start], ["content-length-range", 1, most]],
            ExpiresIn=int(hours * 3600),
        )
    return Form(signed["url"], signed["fields"], start, most, hours)


def put_address(
    bucket: S3Storage, key: str, size: int, sha256: str, kind: str, hours: float
) -> tuple[str, dict[str, str]]:
    """An address to which exactly these bytes can be put once.

    Args:
        key: below the site's prefix.
        size: bytes.
        sha256: of the bytes, hex.
        kind: media type.

    Returns:
        The address, and the headers that have to be sent with the bytes.

    Raises:
        UsageError: the time can't be signed, or the key leads to the receipts.
    """
    if key.startswith(RECEIPTS):
        raise UsageError(f"nothing is put into {RECEIPTS} but receipts")
    _demand_time(hours)
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    signed: dict[str, Any] = {
        "Bucket": bucket.bucket,
        "Key": bucket.prefix + key,
        "ContentLength": size,
        "ContentType": kind,
        "ChecksumSHA256": digest,
        "IfNoneMatch": "*",
    }
    with service_faults(bucket):
        url = s3_client(bucket).generate_presigned_url(
            "put_object", Params=signed, ExpiresIn=int(hours * 3600)
        )
    headers = {"Content-Type": kind, "x-amz-checksum-sha256": digest, "If-None-Match": "*"}
    return str(url), headers


def _demand_time(hours: float) -> None:
    if not 0 < hours <= MOST_HOURS:
        raise UsageError(
            f"a signature holds for more than 0 and at most {MOST_HOURS:g} h, not {hours:g}"
        )

"""A client of an S3 service for what ``obstore`` has no word for: policies, forms, listings whole.

``boto3`` is in the extra ``curate`` alone: a trainer's install does without this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from echoatlas.pipeline.storage.s3 import s3_fault

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import S3Storage


def s3_client(bucket: S3Storage, service: Literal["s3", "iam"] = "s3") -> Any:
    """A client with the endpoint and credentials of a bucket's zone.

    Raises:
        UsageError: there are no credentials, or no such address.
    """
    import boto3
    from botocore.config import Config

    settings = bucket.options()
    return boto3.client(
        service,
        endpoint_url=settings.get("AWS_ENDPOINT_URL"),
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=settings.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=settings.get("AWS_SESSION_TOKEN"),
        config=Config(
            signature_version="s3v4" if service == "s3" else None,
            retries={"mode": "standard", "max_attempts": 4},
        ),
    )


@contextmanager
def service_faults(bucket: S3Storage) -> Iterator[None]:
    """Tells a user's mistake from a failing service.

    Raises:
        UsageError: no such bucket, or no permission.
        Retry: the network or the service failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response
        status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        told = f"{said.get('Error', {}).get('Code', '')} status: {status}"
        raise s3_fault(told, bucket.uri, bucket.zone) from None
    except BotoCoreError as error:
        raise s3_fault(str(error), bucket.uri, bucket.zone) from None

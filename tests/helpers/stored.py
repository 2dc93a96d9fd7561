"""Deployments whose uploads and lake lie in a real object store."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import yaml

from tests.helpers import s3server

if TYPE_CHECKING:
    from tests.helpers.rehearsal import Rehearsal


def in_store(made: Rehearsal, endpoint: str, name: str) -> str:
    """Have a site's uploads and the lake lie in a bucket of the store; returns the bucket."""
    client = s3server.client(endpoint)
    bucket = f"b{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    uploads = made.uploads / name
    for file in sorted(uploads.rglob("*")):
        if file.is_file():
            key = f"{name}/{file.relative_to(uploads).as_posix()}"
            client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    site = made.home / "sites" / f"{name}.yaml"
    config = yaml.safe_load(site.read_text()) | {"bucket": f"s3://{bucket}/{name}/"}
    site.write_text(yaml.safe_dump(config))
    move_lake(made, f"s3://{bucket}/lake")
    return bucket


def move_lake(made: Rehearsal, uri: str) -> None:
    """Have a deployment name another lake, which need not be there yet."""
    file = made.home / "echoatlas.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"lake": uri}))
    made.lake_path = uri  # type: ignore[assignment]

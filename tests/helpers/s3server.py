"""A real S3 server for tests: SeaweedFS, from its wheel."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY, SECRET = "tests", "tests-secret-key"
TRIES = 3


def free_port() -> int:
    """A port that is free, and whose companion 10000 above is free too."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 50_000:
                continue
            try:
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return int(port)


def client(endpoint: str, service: str = "s3"):  # type: ignore[no-untyped-def]
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(signature_version="s3v4"),
    )


def start(folder: Path, host: str = "127.0.0.1") -> tuple[subprocess.Popen[bytes], str]:
    """Start the server and wait until it takes a bucket and an object.

    Args:
        host: address to listen at.
    """
    for _ in range(TRIES - 1):
        with suppress(RuntimeError):  # others may have taken a port that was free
            return _started(folder, host)
    return _started(folder, host)


def _started(folder: Path, host: str) -> tuple[subprocess.Popen[bytes], str]:
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3", "admin")}
    weed = Path(sys.executable).with_name("weed")
    environment = os.environ | {
        "GOMEMLIMIT": "512MiB",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    with (folder / "weed.log").open("wb") as sink:
        process = subprocess.Popen(
            [
                str(weed),
                "mini",
                f"-dir={folder}",
                f"-ip={host}",
                f"-ip.bind={host}",
                "-master.telemetry=false",
                "-webdav=false",
                "-admin.ui=false",
                f"-master.port={ports['master']}",
                f"-volume.port={ports['volume']}",
                f"-filer.port={ports['filer']}",
                f"-s3.port={ports['s3']}",
                f"-admin.port={ports['admin']}",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-s3.iam.readOnly=false",
            ],
            cwd=folder,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    endpoint = f"http://{host}:{ports['s3']}"
    deadline = time.monotonic() + 60
    while True:
        try:
            service = client(endpoint)
            with suppress(service.exceptions.BucketAlreadyOwnedByYou):  # by the try before
                service.create_bucket(Bucket="ready")
            service.put_object(Bucket="ready", Key="ready", Body=b"ready")
            return process, endpoint
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline or process.poll() is not None:
                process.kill()
                raise RuntimeError((folder / "weed.log").read_text()[-2000:]) from None
            time.sleep(0.2)

"""Bring shards into a cache of this machine, whole and as they were published, each once.

A process that was forked from one which spoke with S3, as PyTorch's data loaders are, can't speak
with it: it has a program of its own do that.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from echoatlas.pipeline.errors import CheckFailed, EchoAtlasError, Retry, UsageError
from echoatlas.pipeline.file_lock import wait_lock
from echoatlas.pipeline.s3 import is_cut_off
from echoatlas.pipeline.storage import LocalStorage, S3Storage, Storage

KINDS = {1: CheckFailed, 2: UsageError}  # exit code to what it says; Retry otherwise


def fetched(releases: Storage, key: str, cache: Path) -> Path:
    """Where a shard lies on this machine: where it was made, or in the cache.

    Args:
        key: of the shard; its stem is the SHA-256 of its bytes.

    Raises:
        CheckFailed: what came is not what was published.
        Retry, UsageError: it can't be reached.
    """
    if isinstance(releases, LocalStorage):
        return releases.path(key)
    target = cache / PurePosixPath(key).name
    if not target.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(target.with_suffix(".lock")):
            if not target.is_file():
                (_by_another if is_cut_off() else bring)(releases, key, cache)
    return target


def bring(releases: Storage, key: str, cache: Path) -> None:
    """Write a shard into the cache, all or nothing."""
    data, name = releases.read(key), PurePosixPath(key)
    if hashlib.sha256(data).hexdigest() != name.stem:
        raise CheckFailed("a shard is damaged: run `echoatlas verify`")
    LocalStorage(cache).write(name.name, data)


def _by_another(releases: Storage, key: str, cache: Path) -> None:
    assert isinstance(releases, S3Storage)
    asked = {"uri": releases.uri, "zone": releases.zone.model_dump(), "key": key, "to": str(cache)}
    done = subprocess.run(
        [sys.executable, "-m", "echoatlas.pipeline.fetch"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        kind = KINDS.get(done.returncode, Retry)
        raise kind(said[-1] if said else "a shard can't be fetched")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock among this machine's processes, so that each shard is fetched once."""
    with path.open("wb") as file:
        wait_lock(file)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _main() -> int:
    from echoatlas.schemas.config.deployment import Zone

    asked = json.load(sys.stdin)
    try:
        bring(S3Storage(asked["uri"], Zone(**asked["zone"])), asked["key"], Path(asked["to"]))
    except (EchoAtlasError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return next((code for code, kind in KINDS.items() if isinstance(error, kind)), 3)
    return 0


if __name__ == "__main__":
    sys.exit(_main())

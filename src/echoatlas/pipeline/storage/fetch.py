"""Bring shards into a cache of this machine, whole and as they were published, each once.

A process that was forked from one which spoke with S3, as PyTorch's data loaders are, can't speak
with it: it has a program of its own do that. Such a program also fetches what will be needed next,
so that neither threads nor locks of it are in processes that are forked meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from echoatlas.pipeline.errors import CheckFailed, EchoAtlasError, Retry, UsageError
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.file_lock import wait_lock
from echoatlas.pipeline.storage.parts import DAMAGED, WantedShard, shard_faults
from echoatlas.pipeline.storage.s3 import is_cut_off
from echoatlas.pipeline.storage.storage import PARTIAL, LocalStorage, S3Storage, Storage

KINDS = {1: CheckFailed, 2: UsageError}  # exit code to what it says; Retry otherwise
SEEN = "checked"  # folder of the cache: what was seen to be whole where it was made
AT_ONCE = 4  # shards that are fetched ahead together
END = ""  # in place of a line: no more will be asked for


def fetched(releases: Storage, wanted: WantedShard, cache: Path) -> Path:
    """Where a shard lies on this machine: where it was made, or in the cache.

    Raises:
        CheckFailed: what came is not what was published.
        Retry, UsageError: it can't be reached.
    """
    if isinstance(releases, LocalStorage):
        return releases.path(wanted.key)
    target = cache / wanted.name
    if not target.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(target.with_suffix(".lock")):
            if not target.is_file():
                (_by_another if is_cut_off() else bring)(releases, wanted, cache)
    return target


def bring(releases: Storage, wanted: WantedShard, cache: Path) -> None:
    """Write a shard into the cache, all or nothing.

    Where parts of it are wanted the file is as long as the shard, so that each lies in its place;
    what is between them was never written, and takes no room on the disk.
    """
    parts = wanted.read(releases)
    starts = [start for start, _, _ in wanted.spans] or [0]
    with local_faults(str(cache)):
        # By its name, so that what a killed process leaves of who left is found
        handle, name = tempfile.mkstemp(prefix=f"{PARTIAL}{Path(wanted.name).stem}-", dir=cache)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.truncate(wanted.size)
                for start, data in zip(starts, parts, strict=True):
                    file.seek(start)
                    file.write(data)
            partial.chmod(0o644)
            partial.replace(cache / wanted.name)
        finally:
            partial.unlink(missing_ok=True)


def demand_whole(path: Path, cache: Path) -> None:
    """See whether a shard that is read where it was made is what was published; once a machine.

    What was seen stands in the cache with the file's size, time and number, so that a file that
    was changed since is looked at again.

    Args:
        path: of the shard; its stem is the SHA-256 of its bytes.

    Raises:
        CheckFailed: it is not, or is not there.
    """
    with shard_faults():
        told = path.stat()
    mark = f"{told.st_size} {told.st_mtime_ns} {told.st_ino}"
    seen = cache / SEEN / path.stem
    if _text(seen) == mark:
        return
    seen.parent.mkdir(parents=True, exist_ok=True)
    with _alone(seen.with_suffix(".lock")):
        if _text(seen) == mark:
            return
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != path.stem:
            raise CheckFailed(DAMAGED)
        LocalStorage(seen.parent).write(seen.name, mark.encode())


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def make_room(folder: Path, limit: int, kept: Path) -> None:
    """Delete the shards that were opened longest ago, until no more than ``limit`` bytes stay.

    Who has one of them mapped keeps its pages; who wants it again fetches it again.
    """
    found = []
    for path in folder.glob("*.tar"):
        with suppress(FileNotFoundError):
            told = path.stat()
            size = min(
                told.st_size, getattr(told, "st_blocks", told.st_size) * 512
            )  # without holes
            found.append((path != kept, -told.st_mtime_ns, path, size))
    total = 0
    for _, _, path, size in sorted(found):
        total += size
        if total > limit and path != kept:
            path.unlink(missing_ok=True)


class Ahead:
    """A program that brings shards into the cache before they are asked for, in order.

    It ends with whoever began it. What it can't bring it leaves to those who need it.

    Args:
        limit: bytes that the cache may take; None for no limit.
    """

    def __init__(self, releases: S3Storage, cache: Path, limit: int | None) -> None:
        self._program = _started(releases, cache, ahead=True, limit=limit)

    def want(self, some: Iterable[WantedShard]) -> None:
        """Ask for some more."""
        assert self._program.stdin is not None
        with suppress(BrokenPipeError):
            self._program.stdin.write("".join(f"{one.line}\n" for one in some))
            self._program.stdin.flush()

    def close(self) -> None:
        """Have it end with what it has begun.

        It is told so: workers that were forked meanwhile hold the pipe open, too.
        """
        assert self._program.stdin is not None
        with suppress(BrokenPipeError):
            self._program.stdin.write(f"{END}\n")
            self._program.stdin.close()
        self._program.wait()


def _started(releases: Storage, cache: Path, **how: bool | int | None) -> subprocess.Popen[str]:
    assert isinstance(releases, S3Storage)
    asked = {"uri": releases.uri, "zone": releases.zone.model_dump(), "to": str(cache), **how}
    program = subprocess.Popen(
        [sys.executable, "-m", "echoatlas.pipeline.storage.fetch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if how["ahead"] else subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert program.stdin is not None
    program.stdin.write(json.dumps(asked) + "\n")
    return program


def _by_another(releases: Storage, wanted: WantedShard, cache: Path) -> None:
    program = _started(releases, cache, ahead=False)
    _, told = program.communicate(wanted.line)
    if program.returncode:
        said = told.strip().splitlines()
        kind = KINDS.get(program.returncode, Retry)
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

    asked = json.loads(sys.stdin.readline())
    releases, cache = S3Storage(asked["uri"], Zone(**asked["zone"])), Path(asked["to"])
    lines = iter(lambda: sys.stdin.readline().strip(), END)
    if asked["ahead"]:
        return _all_of(releases, lines, cache, asked["limit"])
    try:
        for line in lines:
            bring(releases, WantedShard.of(line), cache)
    except (EchoAtlasError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return next((code for code, kind in KINDS.items() if isinstance(error, kind)), 3)
    return 0


def _all_of(releases: Storage, lines: Iterable[str], cache: Path, limit: int | None) -> int:
    def one(line: str) -> None:
        path = fetched(releases, WantedShard.of(line), cache)
        if limit is not None:
            make_room(cache, limit, path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in lines:  # until whoever began this says so, or it and its forks end
            pool.submit(one, line)
        pool.shutdown(cancel_futures=True)
    return 0


if __name__ == "__main__":
    sys.exit(_main())

"""Shards, mapped once a process; those on S3 come into the cache first."""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.fetch import fetched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage import Storage

MAPPED = 4096  # shards at once: addresses are many, but not without end


@dataclass
class Shards:
    """Gives bytes of shards. Pickles without what it has mapped.

    Attributes:
        limit: bytes that shards may take in the cache; None for no limit.
    """

    releases: Storage
    cache: Path
    limit: int | None = None
    _mapped: OrderedDict[str, NDArray[np.uint8]] = field(default_factory=OrderedDict)

    def __reduce__(self) -> tuple[type[Shards], tuple[Storage, Path, int | None]]:
        return Shards, (self.releases, self.cache, self.limit)

    def whole(self, key: str) -> NDArray[np.uint8]:
        """A shard, as a view of its file.

        Raises:
            CheckFailed: what came from S3 is not what was published.
        """
        found = self._mapped.get(key)
        if found is None:
            path = fetched(self.releases, key, self.cache / "shards")
            if path.parent == self.cache / "shards":
                with suppress(OSError):  # another process may have made room by it just now
                    os.utime(path)
                if self.limit is not None:
                    _make_room(self.cache / "shards", self.limit, path)
            with pa.memory_map(str(path)) as file:  # and it stays mapped, without a descriptor
                found = np.frombuffer(file.read_buffer(), np.uint8)
            self._mapped[key] = found
            if len(self._mapped) > MAPPED:
                self._mapped.popitem(last=False)
        return found


def _make_room(folder: Path, limit: int, kept: Path) -> None:
    """Delete the shards that were opened longest ago, until no more than ``limit`` bytes stay.

    Who has one of them mapped keeps its pages; who wants it again fetches it again.
    """
    found = []
    for path in folder.glob("*.tar"):
        with suppress(FileNotFoundError):
            told = path.stat()
            found.append((path != kept, -told.st_mtime_ns, path, told.st_size))
    total = 0
    for _, _, path, size in sorted(found):
        total += size
        if total > limit and path != kept:
            path.unlink(missing_ok=True)


def forget_cached(cache: Path, withdrawn: Iterable[str]) -> None:
    """Delete from a cache of this machine what redactions took back.

    Args:
        withdrawn: names of shards and indexes, as a notice has them: their stems are hashes.
    """
    for name in withdrawn:
        digest = PurePosixPath(name).stem
        (cache / "shards" / f"{digest}.tar").unlink(missing_ok=True)
        shutil.rmtree(cache / "indexes" / digest[:32], ignore_errors=True)

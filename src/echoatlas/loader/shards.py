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

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.storage.fetch import SEEN, demand_whole, fetched, make_room
from echoatlas.pipeline.storage.parts import MISSING, WantedShard
from echoatlas.pipeline.storage.storage import PARTIAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.parts import ShardParts
    from echoatlas.pipeline.storage.storage import Storage

FOLDER = "shards"  # of the cache
MAPPED = 4096  # shards at once: addresses are many, but not without end


@dataclass
class Shards:
    """Gives bytes of shards. Pickles without what it has mapped.

    Attributes:
        limit: bytes that shards may take in the cache; None for no limit.
        checked: whether shards on a disk of this machine are checked when they are first opened.
        parts: what is read of shards on S3, if that is not all.
    """

    releases: Storage
    cache: Path
    limit: int | None = None
    checked: bool = True
    parts: ShardParts | None = None
    _mapped: OrderedDict[str, NDArray[np.uint8]] = field(default_factory=OrderedDict)

    def __reduce__(self) -> tuple[type[Shards], tuple[Storage, Path, int | None, bool]]:
        return Shards, (self.releases, self.cache, self.limit, self.checked)

    def wanted(self, key: str) -> WantedShard:
        """What of a shard has to lie in the cache: all of it if it does already."""
        everything = WantedShard(key)
        if self.parts is None or (self.cache / FOLDER / everything.name).is_file():
            return everything
        return self.parts.of(key)

    def whole(self, key: str) -> NDArray[np.uint8]:
        """A shard, as a view of its file; of one on S3 as much as is read of it.

        Raises:
            CheckFailed: it is not what was published.
        """
        found = self._mapped.get(key)
        if found is None:
            path = fetched(self.releases, self.wanted(key), self.cache / FOLDER)
            if path.parent == self.cache / FOLDER:
                with suppress(OSError):  # another process may have made room by it just now
                    os.utime(path)
                if self.limit is not None:
                    make_room(path.parent, self.limit, path)
            elif self.checked:
                demand_whole(path, self.cache)
            elif not path.is_file():
                raise CheckFailed(MISSING)
            with pa.memory_map(str(path)) as file:  # and it stays mapped, without a descriptor
                found = np.frombuffer(file.read_buffer(), np.uint8)
            self._mapped[key] = found
            if len(self._mapped) > MAPPED:
                self._mapped.popitem(last=False)
        return found


def forget_cached(cache: Path, withdrawn: Iterable[str]) -> None:
    """Delete from a cache of this machine what redactions took back.

    Args:
        withdrawn: names of shards and indexes, as a notice has them: their stems are hashes.
    """
    for name in withdrawn:
        digest = PurePosixPath(name).stem
        for form in (f"{digest}*.tar", f"{PARTIAL}{digest}*"):  # of parts, and half fetched, too
            for path in (cache / FOLDER).glob(form):
                path.unlink(missing_ok=True)
        (cache / SEEN / digest).unlink(missing_ok=True)
        shutil.rmtree(cache / "indexes" / digest[:32], ignore_errors=True)

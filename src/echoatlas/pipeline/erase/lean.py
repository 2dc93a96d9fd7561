"""Workers write shards anew, without the samples of whom leaves: the same bytes for any of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.release.places import BLOCK
from echoatlas.pipeline.release.tar import members_of, shard_key, without

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.pipeline.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to be looked through, or to be written anew.

    Attributes:
        sha256: of its bytes, as they were published.
        listed: (n,) where the images of samples begin that any release lists, bytes, ascending.
        gone: keys of samples that go.
    """

    releases: Storage
    file: str
    sha256: str
    listed: NDArray[np.int64]
    gone: frozenset[str] = frozenset()

    def split(self) -> tuple[ShardTask, ...]:
        """Never: a shard is one piece."""
        return ()


@dataclass(frozen=True, slots=True)
class LeanShard:
    """What became of a shard.

    Attributes:
        file: its new key; "" if nothing is left of it, or if it was damaged.
        held: samples in it.
        starts, removed: where members that are gone began, and bytes gone up to and with each.
        damaged: it was not what was published, and nobody can tell what is in it: all of it goes.
    """

    file: str
    sha256: str = ""
    bytes: int = 0
    held: int = 0
    starts: NDArray[np.int64] | None = None
    removed: NDArray[np.int64] | None = None
    damaged: bool = False


def unlisted(task: ShardTask) -> tuple[str, ...]:
    """The keys of samples that lie in a shard and that no release lists; none if it is damaged."""
    data = _read(task)
    if data is None:
        return ()
    known = set(task.listed.tolist())
    begun: dict[str, bool] = {}  # key to whether it is listed: its image is its first member
    for key, start, _ in members_of(data):
        begun.setdefault(key, start + BLOCK in known)
    return tuple(sorted(key for key, told in begun.items() if not told))


def leaner(task: ShardTask) -> LeanShard:
    """Write a shard without some of its samples, unless it lies there already."""
    data = _read(task)
    if data is None:
        return LeanShard("", damaged=True)
    found = without(data, task.gone)
    if not found.held:
        return LeanShard("", starts=found.starts, removed=found.removed)
    key, digest = shard_key(found.data)
    if not task.releases.exists(key):
        task.releases.write(key, found.data)
    return LeanShard(key, digest, len(found.data), found.held, found.starts, found.removed)


def _read(task: ShardTask) -> bytes | None:
    """A shard's bytes; None if they are not what was published."""
    try:
        data = task.releases.read(task.file)
    except FileNotFoundError:
        return None
    if hashlib.sha256(data).hexdigest() != task.sha256:
        return None
    return data

"""Shards: tar files whose names are the hashes of their bytes, and where each member lies."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.release.digests import record_digest
from echoatlas.pipeline.release.headers import add_member, members_in
from echoatlas.pipeline.release.places import BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

END = b"\0" * 2 * BLOCK
FOLDER = "shards/"
MOST = 2  # a shard of so many least sizes ends also within a group


@dataclass(frozen=True, slots=True)
class PackedSample:
    """A sample as it is written: its members in order, by their endings; those of no bytes too.

    Attributes:
        members: image, overlay mask, patch map, then a mask each.
        ends: a group of patients ends with it.
    """

    key: str
    members: tuple[tuple[str, bytes], ...]
    ends: bool

    @property
    def size(self) -> int:
        """Bytes that it takes in a tar file."""
        return sum(BLOCK - (-len(data) // BLOCK) * BLOCK for _, data in self.members if data)


@dataclass(slots=True)
class Tar:
    """A tar file that is being written.

    Attributes:
        places: of each sample offset and size of the image, size of overlay and patch map.
        digests: of each sample, one after the other.
    """

    sink: io.BytesIO = field(default_factory=io.BytesIO)
    places: list[tuple[int, int, int, int]] = field(default_factory=list)
    digests: bytearray = field(default_factory=bytearray)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.sink.tell()

    def add(self, sample: PackedSample) -> None:
        """Write a sample's members, one after the other."""
        sizes = [len(data) for _, data in sample.members[:3]]
        start = self.size
        self.places.append((start + BLOCK, sizes[0], sizes[1], sizes[2]))
        for ending, data in sample.members:
            if data:
                add_member(self.sink, f"{sample.key}.{ending}", data)
        with self.sink.getbuffer() as written:
            self.digests += record_digest(written[start:])

    def joined(self, other: Tar) -> Tar:
        """This one, and behind it what another holds."""
        start = self.size
        self.sink.write(other.sink.getbuffer())
        self.places += [(offset + start, *sizes) for offset, *sizes in other.places]  # type: ignore[misc]
        self.digests += other.digests
        return self

    def closed(self) -> bytes:
        """All of its bytes; nothing can be added any more."""
        self.sink.write(END)
        return self.sink.getvalue()


def packed_shards(samples: Iterable[PackedSample], least: int) -> Iterator[Tar]:
    """Pack samples, in their order, into tar files of ``least`` bytes to twice that.

    One ends where a group of patients does; within a group only where one is too large by itself.
    The last may be smaller, if all there is to pack is.
    """
    most = MOST * least
    held = Tar()  # done, but it may take what is left over in the end
    now, group = Tar(), Tar()
    for sample in samples:
        if group.places and group.size + sample.size > most:
            for full in (now, group):
                if full.places:
                    yield from _released(held)
                    held = full
            now, group = Tar(), Tar()
        group.add(sample)
        if not sample.ends:
            continue
        if now.places and now.size + group.size > most:
            yield from _released(held)
            held, now = now, Tar()
        now, group = now.joined(group), Tar()
        if now.size >= least:
            yield from _released(held)
            held, now = now, Tar()
    now = now.joined(group)
    if held.places and held.size + now.size <= most:
        held, now = held.joined(now), Tar()
    yield from _released(held)
    yield from _released(now)


def _released(tar: Tar) -> Iterator[Tar]:
    if tar.places:
        yield tar


def one_shard(samples: Sequence[PackedSample]) -> Tar:
    """One tar file of samples, whatever their size."""
    made = Tar()
    for sample in samples:
        made.add(sample)
    return made


@dataclass(frozen=True, slots=True)
class Lean:
    """A shard without some of its samples.

    Attributes:
        data: its bytes. held: samples that are left.
        starts, removed: where members that are gone began, and bytes gone up to and with each.
    """

    data: bytes
    held: int
    starts: NDArray[np.int64]
    removed: NDArray[np.int64]


def members_of(data: bytes) -> Iterator[tuple[str, int, int]]:
    """The members of a shard: the key of its sample, where it begins and ends, header included.

    Raises:
        tarfile.TarError: it is no tar file.
    """
    for member in members_in(data):
        end = member.first - (-member.size // BLOCK) * BLOCK
        yield member.name.partition(".")[0], member.start, end


def without(data: bytes, gone: Collection[str]) -> Lean:
    """A shard without the members of some samples; all others keep their order and bytes.

    Raises:
        tarfile.TarError: it is no tar file.
    """
    sink, starts, removed, total = io.BytesIO(), [], [], 0
    left: set[str] = set()
    view = memoryview(data)
    for key, start, end in members_of(data):
        if key in gone:
            total += end - start
            starts.append(start)
            removed.append(total)
        else:
            left.add(key)
            sink.write(view[start:end])
    sink.write(END)
    return Lean(sink.getvalue(), len(left), np.array(starts, np.int64), np.array(removed, np.int64))


def places_after(
    offsets: NDArray[np.int64], starts: NDArray[np.int64], removed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Where lies now what lay at these places before; see ``Lean``."""
    before = np.concatenate([np.zeros(1, np.int64), removed])
    found: NDArray[np.int64] = offsets - before[np.searchsorted(starts, offsets)]
    return found


def shard_key(data: bytes) -> tuple[str, str]:
    """Key and SHA-256 of a shard."""
    digest = hashlib.sha256(data).hexdigest()
    return f"{FOLDER}{digest}.tar", digest

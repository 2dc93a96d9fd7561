"""What is wanted of a shard: all of it, or samples of it, each with a digest to know it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import obstore

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.storage.s3 import BeyondEnd, remote_faults
from echoatlas.pipeline.storage.storage import S3Storage, Storage

GAP = 1 << 18  # bytes between two parts that are fetched together for all that
DAMAGED = "a shard is damaged: run `echoatlas verify`"
MISSING = "a shard is not there: run `echoatlas verify`; `echoatlas release rebuild` makes it again"


@dataclass(frozen=True, slots=True)
class WantedShard:
    """What is wanted of a shard.

    Attributes:
        key: of the shard; its stem is the SHA-256 of its bytes.
        spans: first byte, end, and the head of the SHA-256 of each part, in order; none for all
            of it.
        size: of the shard, bytes, if parts are wanted.
    """

    key: str
    spans: tuple[tuple[int, int, str], ...] = ()
    size: int = 0

    @property
    def name(self) -> str:
        """Of the file of a cache in which it lies."""
        stem = PurePosixPath(self.key).stem
        if not self.spans:
            return f"{stem}.tar"
        return f"{stem}-{hashlib.sha256(json.dumps(self.spans).encode()).hexdigest()[:16]}.tar"

    @property
    def stored(self) -> int:
        """Bytes of the parts."""
        return sum(end - start for start, end, _ in self.spans)

    @property
    def fetched(self) -> int:
        """Bytes that come for the parts, those between some that lie close together among them."""
        total, stop = 0, -GAP - 1
        for start, end, _ in self.spans:
            total += end - (stop if start - stop <= GAP else start)
            stop = end
        return total

    @property
    def line(self) -> str:
        """The same as a line for another program."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(line: str) -> WantedShard:
        """What a line says."""
        told = json.loads(line)
        spans = tuple((start, end, digest) for start, end, digest in told["spans"])
        return WantedShard(told["key"], spans, told["size"])

    def read(self, releases: Storage) -> list[bytes]:
        """The parts, or the whole shard as the only one.

        Raises:
            CheckFailed: what came is not what was published.
        """
        if not self.spans:
            data, known = [read_shard(releases, self.key)], [PurePosixPath(self.key).stem]
        else:
            data = _parts(releases, self.key, [(start, end) for start, end, _ in self.spans])
            known = [digest for _, _, digest in self.spans]
        for one, digest in zip(data, known, strict=True):
            if not hashlib.sha256(one).hexdigest().startswith(digest):
                raise CheckFailed(DAMAGED)
        return data


def read_shard(
    releases: Storage, key: str, start: int | None = None, length: int | None = None
) -> bytes:
    """A shard, or ``length`` bytes of it from ``start``.

    Raises:
        CheckFailed: it is not there, or ends before.
    """
    with shard_faults():
        return releases.read(key, start, length)


@contextmanager
def shard_faults() -> Iterator[None]:
    """Tells a shard that is lost, or was cut off, from a service that fails."""
    try:
        yield
    except FileNotFoundError:
        raise CheckFailed(MISSING) from None
    except BeyondEnd:
        raise CheckFailed(DAMAGED) from None


def _parts(releases: Storage, key: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    if not isinstance(releases, S3Storage):
        return [read_shard(releases, key, start, end - start) for start, end in spans]
    starts, ends = zip(*spans, strict=True)
    with shard_faults(), remote_faults(releases.uri, releases.zone):
        found = obstore.get_ranges(
            releases.store, releases.prefix + key, starts=starts, ends=ends, coalesce=GAP
        )
    return [bytes(one) for one in found]

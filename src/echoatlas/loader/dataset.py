"""A release as a sequence of samples: random access, batches, seeded global shuffle."""

from __future__ import annotations

import hashlib
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.loader.index import Index
from echoatlas.loader.parts import shard_parts
from echoatlas.loader.room import laid_together
from echoatlas.loader.row import Row
from echoatlas.loader.samples import Batch, Sample
from echoatlas.loader.served import Served
from echoatlas.loader.shards import Shards
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.shard import unpacked_image
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.wording import number_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from echoatlas.loader.clips import ClipWindows
    from echoatlas.loader.prefetch import Prefetch
    from echoatlas.schemas.manifest import Manifest

READ = ["shard", "label", "offset", "length"]  # of a place: all that a sample takes
AHEAD = 256  # samples whose places an iteration looks up at once
SHOWN = 5  # labels that ``repr`` names


@dataclass(frozen=True, slots=True)
class Shuffle:
    """An order of samples that only seed and epoch decide, and the part of it that is ours."""

    seed: int
    epoch: int
    position: int
    rank: int
    world: int

    def order(self, samples: int) -> NDArray[np.int32]:
        """Which samples, in order; the whole of them is the same for every part."""
        every = np.arange(samples, dtype=np.int32)
        np.random.Generator(np.random.PCG64([self.seed, self.epoch])).shuffle(every)
        return every[self.position :][self.rank :: self.world].copy()


@dataclass(slots=True, repr=False)
class Dataset(Served):
    """A release, or a part of it: length, random access, iteration, seeded global shuffle.

    Images are read from mapped shards; shards on S3 are brought to a local cache as they are
    needed. PyTorch's DataLoader takes it as it is, with ``collate_fn=echoatlas.collate`` and
    workers under fork or spawn, which share the index: it is mapped, and pickled by name.

    Attributes:
        manifest: as published.
        samples: all of the release's samples.
        shards: gives their bytes.
        transform: what becomes of each sample; ``__getitems__`` gives batches, whole and as read.
    """

    manifest: Manifest
    samples: Index
    shards: Shards
    _rows: NDArray[np.int32] | None = None  # of ``samples``, ascending; all if None
    _shuffle: Shuffle | None = None
    transform: Callable[[Sample], Any] | None = None
    _order: NDArray[np.int32] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self._shuffle is not None:
            order = self._shuffle.order(self._selected)
            self._order = order if self._rows is None else self._rows[order]
        else:
            self._order = self._rows

    def __reduce__(self) -> tuple[Any, ...]:
        rows = None if self._rows is None else _kept(self._rows, self.shards.cache)
        told = (self.manifest, self.samples, self.shards, rows, self._shuffle, self.transform)
        return _again, told

    @property
    def _selected(self) -> int:
        return len(self.samples) if self._rows is None else len(self._rows)

    @property
    def rows(self) -> NDArray[np.int32] | None:
        """(n,) the row of the index that each position has; None if it is the same number."""
        return self._order

    @property
    def index(self) -> pa.Table:
        """Every column of the samples, in the index's own order."""
        table = self.samples.table
        return table if self._rows is None else table.take(self._rows)

    def __len__(self) -> int:
        return len(self.samples) if self._order is None else len(self._order)

    def __getitem__(self, position: int) -> Any:
        position = operator.index(position)
        if not -len(self) <= position < len(self):
            raise IndexError(f"no sample {position} of {len(self)}")
        row = position % len(self)
        if self._order is not None:
            row = int(self._order[row])
        return self._changed(self._sample(row, self.samples.places[row][READ].item()))

    def _changed(self, sample: Sample) -> Any:
        return sample if self.transform is None else self.transform(sample)

    def _sample(self, row: int, place: tuple[int, int, int, int]) -> Sample:
        shard, label, start, length = place
        index = self.samples
        data = self.shards.whole(index.shards[shard])
        region, organ, _ = index.labels[label]
        vectors, asserted = index.vectors
        return Sample(
            unpacked_image(data[start : start + length], self.manifest.image_codec),
            vectors[label].copy(),
            asserted[label].copy(),
            region,
            organ,
            Row(self, row),
        )

    def __getitems__(self, positions: Sequence[int]) -> Any:
        """Samples that are read together, as PyTorch's DataLoader asks for them.

        Returns:
            A ``Batch``; with a transform, a list of what it makes of each.
        """
        batch = self.batch(positions)
        return batch if self.transform is None else [self.transform(one) for one in batch]

    def batch(self, positions: Sequence[int]) -> Batch:
        """Samples that are read together, without the transform."""
        length = len(self)
        if any(not -length <= one < length for one in positions):
            raise IndexError(f"no such sample of {length}")
        asked = np.asarray(positions, np.int64) % max(length, 1)
        rows = asked if self._order is None else self._order[asked]
        places = self.samples.places[rows]
        vectors, asserted = self.samples.vectors
        codes = places["label"]
        names = self.samples.labels
        return Batch(
            self._images(places),
            vectors[codes],
            asserted[codes],
            [names[code] for code in codes.tolist()],
            [Row(self, row) for row in rows.tolist()],
        )

    def _images(self, places: NDArray[np.void]) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        codec, keys = self.manifest.image_codec, self.samples.shards

        def decoders() -> Iterator[Callable[[NDArray[np.uint8] | None], NDArray[np.uint8]]]:
            for shard, _, start, length in places[READ].tolist():
                data = self.shards.whole(keys[shard])[start : start + length]
                yield partial(unpacked_image, data, codec)

        return laid_together(len(places), decoders())

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), AHEAD):
            stop = min(start + AHEAD, len(self))
            rows = np.arange(start, stop) if self._order is None else self._order[start:stop]
            places = self.samples.places[rows][READ].tolist()
            for row, place in zip(rows.tolist(), places, strict=True):
                yield self._changed(self._sample(row, place))

    def shuffled(
        self, seed: int, epoch: int = 0, position: int = 0, rank: int = 0, world: int = 1
    ) -> Dataset:
        """All samples in an order that only seed and epoch decide.

        Args:
            position: samples of the global order that were seen already: resume here.
            rank, world: take every ``world``-th sample from ``rank`` on.

        Raises:
            UsageError: one of them is below 0, or the rank is not below the world's size.
        """
        if min(seed, epoch, position) < 0 or not 0 <= rank < world:
            raise UsageError(
                "seed, epoch and position are 0 or more, and the rank is below the world's size"
            )
        shuffle = Shuffle(seed, epoch, position, rank, world)
        return Dataset(
            self.manifest, self.samples, self.shards, self._rows, shuffle, self.transform
        )

    def clips(
        self,
        frames: int = 16,
        fps: float = 8.0,
        *,
        every_s: float | None = None,
        short: str = "repeat",
    ) -> ClipWindows:
        """Windows of ``frames`` frames, ``fps`` a second by their true times, nearest frames first.

        Of a release of clips only the groups in which these lie are unpacked; of one of frames the
        frames that it has of each clip are put together.

        Args:
            every_s: seconds from window to window; they follow each other if not given.
            short: of clips that are shorter than a window: "repeat" the last frame, or "drop".

        Raises:
            UsageError: no clip is long enough.
        """
        from echoatlas.loader.clips import windows_of

        return windows_of(self, frames, fps, every_s=every_s, short=short)

    def prefetch(self) -> Prefetch:
        """Begin to bring its shards from S3 into the cache, in order, by a process of its own.

        For whoever iterates by himself: a ``loader`` does so anyway. It ends with this process.
        """
        from echoatlas.loader.prefetch import Prefetch

        return Prefetch(self)

    def __repr__(self) -> str:
        names, places = self.samples.splits, self.samples.places
        rows: Any = slice(None) if self._order is None else self._order
        numbers = np.bincount(places["split"][rows], minlength=len(names))
        known = list(self.manifest.config.splits)
        counted = dict(zip(names, numbers.tolist(), strict=True))
        shares = [f"{name} {counted[name]}" for name in known if counted.get(name)]
        paths: Counter[str] = Counter()
        for number, times in enumerate(np.bincount(places["label"][rows]).tolist()):
            region, organ, _ = self.samples.labels[number]
            paths[region if organ == "unknown" else f"{region}/{organ}"] += times
        most = sorted((+paths).items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
        labels = [f"{name} {times}" for name, times in most]
        more = len(+paths) - len(labels)
        return (
            f"Dataset {self.manifest.name}: {number_of(len(self), 'sample')}\n"
            f"splits: {', '.join(shares)}\n"
            f"labels: {', '.join(labels)}{f', and {more} more' if more > 0 else ''}"
        )


def _kept(rows: NDArray[np.int32], cache: Path) -> Path:
    """A selection as a file of the cache, by the hash of what it selects."""
    data = rows.tobytes()
    name = f"{hashlib.sha256(data).hexdigest()[:32]}.i4"
    if not (cache / "selections" / name).is_file():
        LocalStorage(cache / "selections").write(name, data)
    return cache / "selections" / name


def _again(
    manifest: Manifest,
    samples: Index,
    shards: Shards,
    rows: Path | None,
    shuffle: Shuffle | None,
    transform: Callable[[Sample], Any] | None,
) -> Dataset:
    """A dataset in another process, which maps what the first one mapped."""
    selected: Any = None
    if rows is not None:
        selected = np.memmap(rows, np.int32, "r") if rows.stat().st_size else np.empty(0, np.int32)
    shards.parts = shard_parts(shards.releases, manifest, samples, selected)
    return Dataset(manifest, samples, shards, selected, shuffle, transform)

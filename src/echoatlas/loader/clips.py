"""Windows of clips: so many frames, so far apart in time, of a release of clips or of frames."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.loader.room import laid_together
from echoatlas.loader.row import Row
from echoatlas.loader.samples import ClipBatch
from echoatlas.loader.served import Served
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.clip_codec import decode_clip
from echoatlas.pipeline.release.shard import unpacked_image
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.loader.index import Index
    from echoatlas.loader.row import OpenRelease
    from echoatlas.loader.shards import Shards
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.manifest import Manifest

MOST_FPS = 1e5  # no scanner is faster; with more, windows of a clip have no end
NEAR = 0.75  # of the time between two frames, wanted or there: how far off one may be


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What is told of a window: what its clip's row says, and of its own frames alone."""

    row: Row  # of the clip, or of the window's first frame
    frames: tuple[Row, ...]  # of a release of frames: one each
    places: tuple[int, ...]  # of a release of clips: which of its frames

    @property
    def frame_id(self) -> str:
        """The clip's own id, that of its first frame."""
        return self.row.frame_id

    @property
    def split(self) -> str:
        return self.row.split

    @property
    def annotations(self) -> tuple[Any, ...]:
        return self.row.annotations

    @property
    def fan(self) -> Fan | None:
        return self.row.fan

    @property
    def size(self) -> tuple[int, int]:
        return self.row.size

    @property
    def meta(self) -> dict[str, Any]:
        return self.row.meta

    def column(self, name: str) -> Any:
        return self.row.column(name)

    @property
    def overlay(self) -> NDArray[np.bool_] | None:
        if not self.frames:
            found = self.row.overlay
            return None if found is None else found[list(self.places)]
        masks = [frame.overlay for frame in self.frames]
        if all(mask is None for mask in masks):
            return None
        return np.stack([np.zeros(self.size, bool) if mask is None else mask for mask in masks])

    @property
    def patch_map(self) -> NDArray[np.uint8] | None:
        if not self.frames:
            found = self.row.patch_map
            return None if found is None else found[list(self.places)]
        maps = [one for frame in self.frames if (one := frame.patch_map) is not None]
        return np.stack(maps) if len(maps) == len(self.frames) else None


@dataclass(frozen=True, slots=True)
class ClipWindows(Served):
    """Windows of clips by position, as a ``Dataset`` is of samples.

    Attributes:
        data: the release, or part of it, in the index's own order.
        rows: (W,) int32, row of the index of each window's clip, or of its first frame.
        picks: (W, T) int32: which frames of the clip; of a release of frames, which rows.
        real: (W,) int32: how many of them are no repetition of the last.
        times: (W, T) float32, ms.
    """

    data: OpenRelease
    rows: NDArray[np.int32]
    picks: NDArray[np.int32]
    real: NDArray[np.int32]
    times: NDArray[np.float32]

    @property
    def samples(self) -> Index:
        """The release's index."""
        return self.data.samples

    @property
    def shards(self) -> Shards:
        """The release's shards."""
        return self.data.shards

    @property
    def manifest(self) -> Manifest:
        """As published."""
        return self.data.manifest

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Any:
        position = operator.index(position)
        if not -len(self) <= position < len(self):
            raise IndexError(f"no window {position} of {len(self)}")
        return self.__getitems__([position])[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))

    def __getitems__(self, positions: Sequence[int]) -> Any:
        """A ``ClipBatch``; of a dataset with a transform, a list of what it makes of each."""
        batch, change = self.batch(positions), self.data.transform
        return batch if change is None else [change(one) for one in batch]

    def batch(self, positions: Sequence[int]) -> ClipBatch:
        """Windows that are read together, without the transform."""
        asked = np.asarray(positions, np.int64)
        index, rows = self.samples, self.rows[asked]
        codes = index.places["label"][rows]
        vectors, asserted = index.vectors
        frames = self.data.manifest.image_codec != "clip"
        told = []
        for row, at in zip(rows.tolist(), asked.tolist(), strict=True):
            picks = tuple(self.picks[at].tolist())
            each = tuple(Row(self.data, one) for one in picks) if frames else ()
            told.append(WindowRow(Row(self.data, row), each, () if frames else picks))
        picked = self.picks[asked].tolist()
        read = self._frames if frames else self._cut
        batch = ClipBatch(
            laid_together(
                len(rows),
                (partial(read, row, picks) for row, picks in zip(rows, picked, strict=True)),
            ),
            vectors[codes],
            asserted[codes],
            [index.labels[code] for code in codes.tolist()],
            told,
        )
        batch.times_ms = self.times[asked]
        batch.real = np.arange(self.picks.shape[1]) < self.real[asked, None]
        return batch

    def _cut(
        self, row: int, picks: Sequence[int], out: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        """Frames of a stored clip."""
        return decode_clip(self._bytes(row), picks, out)

    def _frames(
        self, row: int, picks: Sequence[int], out: NDArray[np.uint8] | None
    ) -> NDArray[np.uint8]:
        """Frames that are stored one by one, put together."""
        codec = self.data.manifest.image_codec
        read = {one: unpacked_image(self._bytes(one), codec) for one in dict.fromkeys(picks)}
        if any(one.ndim == 3 for one in read.values()):  # a clip of gray and color is color
            read = {
                at: one if one.ndim == 3 else np.repeat(one[..., None], 3, axis=2)
                for at, one in read.items()
            }
        shown = [read[one] for one in picks]
        fits = out is not None and out.shape == (len(shown), *shown[0].shape)
        return np.stack(shown, out=out if fits else None)

    def _bytes(self, row: int) -> NDArray[np.uint8]:
        place = self.samples.places[row]
        whole = self.data.shards.whole(self.samples.shards[place["shard"]])
        return whole[int(place["offset"]) : int(place["offset"]) + int(place["length"])]

    def __repr__(self) -> str:
        return f"{number_of(len(self), 'window')} of {self.picks.shape[1]} frames of {self.data!r}"


def windows_of(
    data: OpenRelease, frames: int, fps: float, *, every_s: float | None, short: str
) -> ClipWindows:
    """Windows of a release's clips; see ``Dataset.clips``."""
    least, most = 1 / MOST_FPS, MOST_FPS
    if frames < 1 or not least <= fps <= most or not (every_s is None or least <= every_s < inf):
        raise UsageError(
            "a window needs frames above 0, fps above 0 and of at most "
            f"{MOST_FPS:,.0f}, and every_s above 0 if it is given"
        )
    if short not in ("repeat", "drop"):
        raise UsageError("short is 'repeat' or 'drop'")
    span = 1000.0 / fps
    step = every_s * 1000.0 if every_s is not None else frames * span
    heads, picks, reals, times = [], [], [], []
    for row, numbers, when in _clips(data):
        for chosen, real in _windows(when, frames, span, step):
            if real < frames and short == "drop":
                continue
            heads.append(int(numbers[chosen[0]]) if row is None else row)
            picks.append(numbers[chosen])
            reals.append(real)
            times.append(when[chosen])
    if not heads:
        raise UsageError(
            f"no clip has {number_of(frames, 'frame')} at {fps:g} a second: ask for fewer"
        )
    return ClipWindows(
        data,
        np.array(heads, np.int32),
        np.stack(picks).astype(np.int32),
        np.array(reals, np.int32),
        np.stack(times).astype(np.float32),
    )


def _clips(
    data: OpenRelease,
) -> Iterator[tuple[int | None, NDArray[np.int64], NDArray[np.float64]]]:
    """Each clip: its row, numbers of its frames, and their times in ms.

    Of a release of frames the row is None, and the numbers are rows.
    """
    rows = np.arange(len(data)) if data.rows is None else np.asarray(data.rows)
    if data.manifest.image_codec == "clip":
        for row in rows.tolist():
            when = np.array(data.samples.value("times_ms", row), np.float64)
            yield row, np.arange(len(when)), when
        return
    table = data.samples.columns(["object_id", "pane", "frame_index", "time_ms"]).take(rows)
    ids = table.column("object_id").combine_chunks().dictionary_encode().indices
    panes, places = (table.column(name).to_numpy() for name in ("pane", "frame_index"))
    when = table.column("time_ms").to_numpy().astype(np.float64)
    codes = np.asarray(ids)
    order = np.lexsort((places, panes, codes))
    changed = (np.diff(codes[order]) != 0) | (np.diff(panes[order]) != 0)
    for part in np.split(order, np.flatnonzero(changed) + 1):
        if len(part):
            yield None, rows[part].astype(np.int64), when[part]


def _windows(
    when: NDArray[np.float64], frames: int, span: float, step: float
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Places of the frames of each window in a clip, and how many of them are real.

    A window that finds no frame near a wanted time ends there: it does not reach over a gap, nor
    over the clip's end. A clip's first window may be short, later ones are whole. Frames whose
    times are not known, or are all alike, are taken as they follow each other.
    """
    known = bool(np.isfinite(when).all()) and (len(when) < 2 or bool((np.diff(when) > 0).all()))
    clock = when if known else np.arange(len(when)) * span
    start, last = float(clock[0]), float(clock[-1])
    reach = NEAR * max(span, float(np.median(np.diff(clock))) if len(clock) > 1 else 0.0)
    first = True
    while first or start + (frames - 1) * span <= last + span / 2:
        wanted = start + np.arange(frames) * span
        right = np.clip(np.searchsorted(clock, wanted), 1, max(len(clock) - 1, 1))
        right = np.minimum(right, len(clock) - 1)
        left = np.maximum(right - 1, 0)
        near = np.where(wanted - clock[left] <= clock[right] - wanted, left, right)
        off = np.abs(clock[near] - wanted) > reach
        real = int(np.argmax(off)) if off.any() else frames
        if real == frames or (first and real):
            near[real:] = near[real - 1]
            yield near, real
        first = False
        start += step

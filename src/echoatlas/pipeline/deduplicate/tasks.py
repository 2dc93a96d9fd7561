"""The two kinds of work that deduplication scatters: joining codes, and looking at thumbnails.

What all tasks of a run share lies in the lake for as long as they take; a worker reads it once.
Thumbnails never cross a process: a worker reads those that it looks at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.deduplicate.clips import Clips, Match, Related
from echoatlas.pipeline.deduplicate.config import SimilarityConfig
from echoatlas.pipeline.deduplicate.hamming import Piece, Rows, Runs, meetings
from echoatlas.pipeline.deduplicate.index import Index
from echoatlas.pipeline.deduplicate.judge import judged, needed
from echoatlas.pipeline.engine.scatter import Done
from echoatlas.pipeline.errors import Retry
from echoatlas.pipeline.storage.storage import LocalStorage, Storage

FOLDER = "_deduplicate/"
SHARED = {"words": np.uint64, "starts": np.int64, "clips": np.int32, "second": np.bool_}  # of runs
Work = TypeVar("Work")
Answer = TypeVar("Answer")
Scatter = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Done[Any, Any]]]
Ids = Sequence[str]
Read = Callable[[Ids], Sequence[bytes]]  # the thumbnails of frames, in their order
Open = Callable[[tuple[str, ...] | None], Read]  # a reader of some files; of all if it is None
MOST = 500  # pairs of clips a task: so many thumbnails of theirs are held at a time


def here(function: Callable[[Work], Answer], tasks: Iterable[Work]) -> Iterator[Done[Any, Any]]:
    """Do tasks in this process, one after the other."""
    for task in tasks:
        yield Done(task, function(task))


def answers(scatter: Scatter, function: Callable[[Any], Answer], tasks: list[Any]) -> list[Answer]:
    """The answers of tasks, in the order of the tasks' numbers, whoever was first.

    Raises:
        Retry: a worker died of one, each time.
    """
    found: list[tuple[tuple[int, ...], Answer]] = []
    for done in scatter(function, tasks):
        if done.answer is None:
            raise Retry("A worker died, each time, as it looked for duplicates.")
        found.append((done.task.number, done.answer))
    return [answer for _, answer in sorted(found, key=lambda one: one[0])]


@dataclass(frozen=True, slots=True)
class JoinTask:
    """A piece of a join, or a part of its masks."""

    number: tuple[int, ...]
    storage: Storage
    folder: str
    piece: Piece
    radius: int
    part: tuple[int, int]

    def split(self) -> tuple[JoinTask, ...]:
        """Halves: every second mask each."""
        at, of = self.part
        if of > 64:
            return ()
        return tuple(
            replace(self, number=(*self.number, half), part=(at + half * of, 2 * of))
            for half in range(2)
        )


def join(task: JoinTask) -> Rows:
    """Pairs of runs that a piece brings together."""
    runs = _runs(task.storage, task.folder)
    return meetings(runs, task.piece, task.radius, task.part)


def share(storage: Storage, runs: Runs) -> str:
    """Put what a join needs where all workers find it; returns the folder."""
    unshare(storage)  # of a run that was killed
    arrays = {name: np.ravel(getattr(runs, name)).view(np.uint8).data for name in SHARED}
    digest = hashlib.blake2b(digest_size=16)
    for data in arrays.values():
        digest.update(data)
    folder = f"{FOLDER}{digest.hexdigest()}/"
    for name, data in arrays.items():
        storage.write(f"{folder}{name}", data)
    return folder


def unshare(storage: Storage) -> None:
    """Throw away what was shared."""
    storage.delete([entry.key for entry in storage.list(FOLDER)])


_last: dict[str, Runs] = {}  # by folder: a worker does many tasks of one join


def _runs(storage: Storage, folder: str) -> Runs:
    if folder not in _last:
        _last.clear()
        found = {name: _array(storage, f"{folder}{name}", kind) for name, kind in SHARED.items()}
        _last[folder] = Runs(**found | {"words": found["words"].reshape(-1, 4)})
    return _last[folder]


def _array(storage: Storage, key: str, kind: type[np.generic]) -> NDArray[Any]:
    if isinstance(storage, LocalStorage):
        return np.fromfile(storage.path(key), kind)
    return np.frombuffer(bytearray(storage.read(key)), kind)


@dataclass(frozen=True, slots=True)
class LookTask:
    """Pairs of clips to look at, with the frames that they may need.

    Attributes:
        places: of each clip's frames, by its number.
        ids: of each clip's frames, by its number.
    """

    number: tuple[int, ...]
    read: Read
    matches: tuple[Match, ...]
    places: dict[int, Rows]
    ids: dict[int, tuple[str, ...]]
    config: SimilarityConfig

    def split(self) -> tuple[LookTask, ...]:
        """Halves."""
        middle = len(self.matches) // 2
        if not middle:
            return ()
        halves = self.matches[:middle], self.matches[middle:]
        return tuple(
            replace(self, number=(*self.number, at), matches=half) for at, half in enumerate(halves)
        )


def look(task: LookTask) -> list[Related]:
    """What pairs of clips are to each other; the numbers of clips are the lake's again."""
    numbers = sorted({one for match in task.matches for one in (match.longer, match.shorter)})
    new = {number: at for at, number in enumerate(numbers)}
    lengths = [len(task.places[number]) for number in numbers]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    clips = Clips(starts, np.concatenate([task.places[number] for number in numbers]))
    ids = [one for number in numbers for one in task.ids[number]]
    local = [
        replace(
            match,
            longer=new[match.longer],
            shorter=new[match.shorter],
            rows=match.rows
            + np.array([starts[new[match.longer]], starts[new[match.shorter]]], np.int64),
        )
        for match in task.matches
    ]
    rows = sorted({row for match in local for row in needed(clips, match)})
    pictures: dict[int, bytes] = dict(zip(rows, task.read([ids[row] for row in rows]), strict=True))
    found = judged(clips, local, pictures.__getitem__, task.config)
    return [replace(one, longer=numbers[one.longer], shorter=numbers[one.shorter]) for one in found]


def look_tasks(
    matches: Sequence[Match], index: Index, pictures: Open, config: SimilarityConfig, shares: int
) -> list[LookTask]:
    """Pairs of clips as tasks; rows become places in the clip, so that a task stands alone."""
    made = []
    clips = index.clips
    for number, some in enumerate(_cut(list(matches), shares)):
        local = tuple(
            replace(
                match,
                rows=match.rows
                - np.array([clips.starts[match.longer], clips.starts[match.shorter]], np.int64),
            )
            for match in some
        )
        used = sorted({one for match in some for one in (match.longer, match.shorter)})
        places: dict[int, NDArray[np.int64]] = {one: clips.of(one) for one in used}
        names = {one: index.ids(one) for one in used}
        read = pictures(index.files(used))
        made.append(LookTask((number,), read, local, places, names, config))
    return made


def _cut(matches: list[Match], shares: int) -> Iterator[list[Match]]:
    size = min(max(-(-len(matches) // max(shares, 1)), 1), MOST)
    for start in range(0, len(matches), size):
        yield matches[start : start + size]

"""The proof that nothing is left: all bytes are read again, as they lie there and decoded.

Nothing of how the erasure went about it is trusted: every file below the lake and the releases is
searched, also those that no table, log or manifest speaks of.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.storage.storage import LocalStorage

if TYPE_CHECKING:
    from echoatlas.pipeline.engine.scatter import Done
    from echoatlas.pipeline.storage.storage import Storage

AT_ONCE = 256 << 20  # bytes that a task searches, about
Scatter = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator["Done[Any, Any]"]]
HEX = re.compile(rb"[0-9a-f]{32,}")
PARQUET = b"PAR1"
MOST = 64  # bytes of a digest
BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
KINDS = {
    "columns": "decoded columns of Parquet files",
    "footers": "footers, statistics and key-value metadata of Parquet files",
    "log": "the tables' Delta logs",
    "shards": "names and bytes of all members of shards",
    "other": "all other files below lake and releases",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What was searched, and where something was found.

    Attributes:
        files, bytes: searched, by key of ``KINDS``.
        found: number of files with a trace, by key of ``KINDS``; nothing of which, or of what.
    """

    files: dict[str, int]
    bytes: dict[str, int]
    found: dict[str, int]

    @property
    def holds(self) -> bool:
        return not any(self.found.values())


@dataclass(frozen=True, slots=True)
class Needles:
    """What is looked for.

    Attributes:
        ids: texts, and digests in hexadecimal.
        pictures: SHA-256 of stored images, as bytes of members and columns have them.
    """

    ids: frozenset[str]
    pictures: frozenset[str] = frozenset()

    def in_bytes(self, data: bytes) -> bool:
        """Whether any id stands in bytes: hexadecimal ones wherever they are in longer ones."""
        hexadecimal = {one.encode() for one in self.ids if HEX.fullmatch(one.encode())}
        lengths = {len(one) for one in hexadecimal}
        for run in HEX.finditer(data) if hexadecimal else ():
            text = run[0]
            for length in lengths:
                if any(
                    text[at : at + length] in hexadecimal for at in range(len(text) - length + 1)
                ):
                    return True
        return any(one.encode() in data for one in self.ids if one.encode() not in hexadecimal)

    def in_table(self, rows: pa.Table) -> bool:
        """Whether any id stands in a column, however deep, or a picture lies in one."""
        return any(self._in_column(column) for column in rows.columns)

    def _in_column(self, column: pa.ChunkedArray) -> bool:
        kind = column.type
        if pa.types.is_dictionary(kind):
            return self._in_column(column.cast(kind.value_type))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            known = pa.array(sorted(self.ids), pa.string())
            if pc.any(pc.is_in(column.cast(pa.string()), known)).as_py():
                return True
            # Also within longer texts: OBJECT/PANE, JSON, names separated by blanks
            texts = pc.unique(column).to_pylist()
            return self.in_bytes("\n".join(one for one in texts if one).encode())
        if any(told(kind) for told in BYTES):
            return any(
                hashlib.sha256(one).hexdigest() in self.pictures
                or (len(one) <= MOST and one.hex() in self.ids)
                or self.in_bytes(one)
                for one in column.to_pylist()
                if one
            )
        if pa.types.is_nested(kind):
            text = json.dumps(column.to_pylist(), default=_plain)
            return self.in_bytes(text.encode())
        return False


def _plain(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class SearchTask:
    """Files to be searched, of one storage."""

    storage: Storage
    keys: tuple[str, ...]
    needles: Needles

    def split(self) -> tuple[SearchTask, ...]:
        """Halves; () for a single file."""
        half = len(self.keys) // 2
        if not half:
            return ()
        return replace(self, keys=self.keys[:half]), replace(self, keys=self.keys[half:])


def searched(task: SearchTask) -> list[tuple[str, int, bool]]:
    """Kind, size and whether there is a trace, of each kind of search of each file."""
    told = []
    for key in task.keys:
        try:
            data = task.storage.read(key)
        except FileNotFoundError:  # our own lock, or a partial file of somebody's
            continue
        told += [(kind, len(data), found) for kind, found in _looked(key, data, task.needles)]
    return told


def prove(places: dict[str, Storage], needles: Needles, scatter: Scatter) -> Proof:
    """Search everything that lies in some storages.

    Args:
        places: lake and releases; one that lies within another is searched once.
        scatter: has workers search.

    Raises:
        CheckFailed: a file kills whoever searches it.
    """
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    found: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for done in scatter(searched, _tasks(places, needles)):
        if done.answer is None:
            raise CheckFailed("workers died, each time, as they read a file: see their memory")
        for kind, size, traced in done.answer:
            files[kind] += 1
            sizes[kind] += size
            found[kind] += traced
    return Proof(dict(sorted(files.items())), dict(sorted(sizes.items())), dict(found))


def _tasks(places: dict[str, Storage], needles: Needles) -> Iterator[SearchTask]:
    """All files, cut into tasks of about as many bytes."""
    done: set[str] = set()
    for storage in places.values():
        held: list[str] = []
        size = 0
        half = storage.half_written() if isinstance(storage, LocalStorage) else ()
        for entry in (*storage.list(), *half):
            place = f"{storage.uri}/{entry.key}"
            if place in done:
                continue
            done.add(place)
            held.append(entry.key)
            size += entry.size
            if size >= AT_ONCE:
                yield SearchTask(storage, tuple(held), needles)
                held, size = [], 0
        if held:
            yield SearchTask(storage, tuple(held), needles)


def _looked(key: str, data: bytes, needles: Needles) -> Iterator[tuple[str, bool]]:
    """Each kind of search that a file is put to, and whether it found anything."""
    log = "/_delta_log/" in key
    if data[:4] == PARQUET == data[-4:]:
        file = pq.ParquetFile(pa.BufferReader(data))
        traced = any(
            needles.in_table(file.read_row_group(number, use_threads=False))
            for number in range(file.num_row_groups)
        )
        yield ("log" if log else "columns"), traced
        length = int.from_bytes(data[-8:-4], "little")
        yield "footers", needles.in_bytes(data[-8 - length :]) or needles.in_bytes(data)
    elif key.endswith(".tar"):
        yield "shards", _in_tar(data, needles)
    elif log:
        yield "log", needles.in_bytes(data)
    else:
        yield "other", needles.in_bytes(data)


def _in_tar(data: bytes, needles: Needles) -> bool:
    if needles.in_bytes(data):
        return True
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            start = member.offset_data
            digest = hashlib.sha256(data[start : start + member.size]).hexdigest()
            if digest in needles.pictures or needles.in_bytes(member.name.encode()):
                return True
    return False

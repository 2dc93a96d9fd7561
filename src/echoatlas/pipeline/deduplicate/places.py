"""In which file of which table the rows of each object lie, as columns of numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.deduplicate.ranking import Some
from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.in_step import places

if TYPE_CHECKING:
    from echoatlas.pipeline.deduplicate.hamming import Flags
    from echoatlas.pipeline.lake.join import Column
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage

COMPARES = ("frames", "measures", "objects")  # tables that deduplication reads
Files = Mapping[str, Sequence[str]]  # by table
PLACES = "places.parquet"
TEXT = pa.dictionary(pa.int32(), pa.string())
KIND = pa.schema([("table", TEXT), ("file", TEXT), ("object_id", pa.string())])
AT_ONCE = 1 << 16  # rows that are read at a time


@dataclass(frozen=True, slots=True)
class Places:
    """n objects, and the table and the file of it in which rows of each lie."""

    tables: TextCodes
    files: TextCodes
    objects: Ids

    @staticmethod
    def of(parts: Iterable[pa.Table]) -> Places:
        """Rows of ``KIND``."""
        return Places.joined(
            [
                Places(
                    TextCodes.of(rows.column("table").chunks),
                    TextCodes.of(rows.column("file").chunks),
                    Ids.of(rows.column("object_id").chunks),
                )
                for rows in parts
            ]
        )

    @staticmethod
    def read(storage: Storage, keys: Iterable[str]) -> Places:
        """Files of such rows, not all of them at once."""
        files = (
            pq.ParquetFile(io.BytesIO(storage.read(key)), read_dictionary=["table", "file"])
            for key in keys
        )
        batches = (rows for file in files for rows in file.iter_batches(AT_ONCE))
        return Places.of(pa.Table.from_batches([rows]) for rows in batches)

    @staticmethod
    def joined(parts: Sequence[Places]) -> Places:
        """Some, and then others."""
        return Places(
            TextCodes.joined(one.tables for one in parts),
            TextCodes.joined(one.files for one in parts),
            Ids.joined([one.objects for one in parts]),
        )

    def take(self, chosen: Flags) -> Places:
        """Some of them, by a mask."""
        return Places(self.tables.take(chosen), self.files.take(chosen), self.objects.take(chosen))

    def lie_in(self, files: Files) -> Flags:
        """(n,) which are in one of some files."""
        known = np.zeros((len(self.tables.words), len(self.files.words)), np.bool_)
        number = {path: at for at, path in enumerate(self.files.words)}
        for at, name in enumerate(self.tables.words):
            known[at, [number[path] for path in files[name] if path in number]] = True
        found: Flags = known[self.tables.numbers, self.files.numbers]
        return found

    def all_in(self, others: Places) -> bool:
        """Whether each object that has rows in a table has some there among others as well."""
        return all(
            bool((places(self.of_table(name), others.of_table(name)) >= 0).all())
            for name in self.tables.words
        )

    def of_table(self, name: str) -> Ids:
        """The objects that have rows in a table, once for each file."""
        return self.objects.take(self.tables.among(name))

    def of_some(self, objects: pa.Array) -> Some:
        """Some objects, with the files that they lie in."""
        lie = SortedIds.named(objects).places(self.objects) >= 0
        files = {}
        for name in COMPARES:
            numbers = np.unique(self.files.numbers[lie & self.tables.among(name)])
            files[name] = sorted(self.files.words[at] for at in numbers.tolist())
        return Some(objects, files)


def places_of_table(lake: Lake, name: str) -> pa.Table:
    """In which files each object's rows of a table lie, as of ``KIND``."""
    rows = lake.located(name, ["object_id"]).group_by(["file", "object_id"]).aggregate([])
    return as_places(name, rows.column("file"), rows.column("object_id"))


def as_places(name: str, files: Column, objects: Column) -> pa.Table:
    """Objects of a table and their files as rows of ``KIND``."""
    number = np.zeros(len(objects), np.int32)
    tables = pa.DictionaryArray.from_arrays(number, pa.array([name]))
    return pa.table([tables, files, objects], schema=KIND)

"""Tables in portions, so that no two columns of text are in memory at once: of a large file a
column after the other, and that bit by bit; of small files, which are read together, all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.evolution import completed
from echoatlas.pipeline.lake.files import columns_of
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE = 1 << 15  # rows: a file of so many is a portion of its own, smaller ones go together
AT_ONCE = 1 << 14  # rows of a large file's column
SITE = "site"


@dataclass(frozen=True, slots=True)
class Portion:
    """Some rows of a table.

    Attributes:
        chunks: reads one of their columns, chunk by chunk.
    """

    chunks: Callable[[str], Iterator[pa.Array]]

    @staticmethod
    def of(rows: pa.Table) -> Portion:
        """Rows that are in memory."""
        return Portion(lambda name: iter(rows.column(name).chunks))

    def filter(self, mask: NDArray[np.bool_]) -> Portion:
        """Those of the (n,) rows for which a mask is true."""

        def chunks(name: str) -> Iterator[pa.Array]:
            begin = 0
            for chunk in self.chunks(name):
                here = mask[begin : begin + len(chunk)]
                begin += len(chunk)
                if here.all():  # a run's files, and so the chunks of them, are of one site each
                    yield chunk
                elif here.any():
                    yield chunk.filter(pa.array(here))

        return Portion(chunks)

    def by_site(self) -> Iterator[tuple[str, Portion]]:
        """Each site among the rows, and its own."""
        sites = TextCodes.of(self.chunks(SITE))
        for site in sites.words:
            yield site, self if len(sites.words) == 1 else self.filter(sites.among(site))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a table.

    Attributes:
        columns: that are going to be asked for. coded: of these, those of few different texts, to
            be had as dictionaries.
        sites: whose rows; all if empty.
    """

    name: str
    columns: Sequence[str]
    coded: Collection[str] = ()
    sites: Sequence[str] = ()

    @property
    def where(self) -> pc.Expression | None:
        return pc.field(SITE).isin(list(self.sites)) if self.sites else None


def portions_of(dataset: ds.Dataset, wanted: Wanted, sizes: Mapping[str, int]) -> Iterator[Portion]:
    """The rows of a table, as today's schema has them.

    Args:
        sizes: path of each file to its number of rows.
    """
    small: list[ds.Fragment] = []
    rows = 0
    for fragment in dataset.get_fragments(wanted.where):
        size = sizes.get(fragment.path, LARGE)
        if size >= LARGE:
            yield from _alone(fragment, wanted)
            continue
        small.append(fragment)
        rows += size
        if rows >= LARGE:
            yield _together(small, wanted)
            small, rows = [], 0
    if small:
        yield _together(small, wanted)


def _together(fragments: list[ds.Fragment], wanted: Wanted) -> Portion:
    columns = [*wanted.columns, *({SITE} - {*wanted.columns} if wanted.sites else ())]
    alike: dict[pa.Schema, list[pa.Table]] = {}
    for fragment in fragments:
        rows = columns_of(fragment, columns, threads=False).replace_schema_metadata()
        alike.setdefault(rows.schema, []).append(rows)
    parts = [completed(pa.concat_tables(some), wanted.name, columns) for some in alike.values()]
    rows = pa.concat_tables(parts).combine_chunks()
    return Portion.of(rows if wanted.where is None else rows.filter(wanted.where))


def _groups(fragment: ds.Fragment, wanted: Wanted) -> list[int] | None:
    """The groups of a file's rows that may be of the sites; None for all."""
    if not wanted.sites:
        return None
    try:
        return [group.id for group in fragment.subset(filter=wanted.where).row_groups]
    except pa.ArrowNotImplementedError:  # as in ``scan``
        return None


def _alone(fragment: ds.Fragment, wanted: Wanted) -> Iterator[Portion]:
    groups = _groups(fragment, wanted)
    if groups == []:
        return
    there = fragment.physical_schema.names
    # Not as a dataset: that holds a whole group of rows at once, and what comes after it
    file = pq.ParquetFile(
        fragment.filesystem.open_input_file(fragment.path),
        metadata=fragment.metadata,
        read_dictionary=[name for name in wanted.coded if name in there],
    )

    def chunks(name: str) -> Iterator[pa.Array]:
        field = schema(wanted.name).field(name)
        columns = [name if name in there else there[0]]
        for batch in file.iter_batches(
            AT_ONCE, row_groups=groups, columns=columns, use_threads=False
        ):
            column = batch.column(0)
            plain = pa.types.is_dictionary(column.type) or column.type == field.type
            if columns == [name] and plain and not column.null_count:
                yield column
            else:
                rows = completed(pa.Table.from_batches([batch]), wanted.name, [name])
                yield rows.column(0).combine_chunks()
        pa.default_memory_pool().release_unused()  # else what it took stays, column for column

    alone = Portion(chunks)
    if wanted.sites:
        here = TextCodes.of(chunks(SITE)).among(*wanted.sites)
        if here.any():
            yield alone if here.all() else alone.filter(here)
    else:
        yield alone

"""What is left of a table's files when the rows of some objects go."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from echoatlas.pipeline.lake.evolution import completed
from echoatlas.pipeline.lake.scan import ONCE
from echoatlas.schemas.values import Status


def rests(
    dataset: ds.Dataset, name: str, gone: Set[str], column: str = "object_id", *, threads: bool
) -> Iterator[tuple[str, pa.Table]]:
    """The files of a table that hold certain rows, and each one's other rows.

    Only ids are read of a file that has none of them, and one file is held at a time. Of rows that
    are named by their objects, sightings of the same bytes that ``objects`` calls duplicates stay
    what they are.

    Args:
        gone: values of ``column``, ids. A set, and no join of Arrow's, since that is built anew
            for each file.

    Yields:
        A path below the table's folder; the rows that stay, perhaps none, in their order.
    """
    spares = (name, column) == ("objects", "object_id")
    columns = [column, "status"] if spares else [column]
    for fragment in dataset.get_fragments():
        # A rewritten file may hold views of strings, which have no kernels of their own
        read = {"schema": dataset.schema, "use_threads": threads, **ONCE}
        ids = fragment.to_table(columns=columns, **read)
        owners = ids[column].cast(pa.string())
        named = [one for one in pc.unique(owners).to_pylist() if one in gone]
        if not named:
            continue
        going = pc.is_in(owners, pa.array(named, pa.string()))
        if spares:
            going = pc.and_(going, pc.not_equal(ids["status"].cast(pa.string()), Status.DUPLICATE))
        if pc.any(going).as_py():
            whole = fragment.to_table(**read)
            yield cast("str", fragment.path), completed(whole.filter(pc.invert(going)), name)

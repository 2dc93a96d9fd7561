"""The index of a release's successor: what is asked of all samples, and then the rest, in parts."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.release.annotations import most_masks
from echoatlas.pipeline.release.beside import write_index
from echoatlas.pipeline.release.diff import COMPARED
from echoatlas.pipeline.release.documents.population import COUNTED, KEYS
from echoatlas.pipeline.release.k_anonymity import QUASI
from echoatlas.pipeline.release.kin import GROUP, KIN
from echoatlas.pipeline.release.manifest import index_groups, index_schema_of
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.schemas.index import ROLES, Role

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

# What is asked of all samples at once, be it there or not; the rest of an index is as much again
SPOKEN_OF = sorted({
    "frame_id", "frame_ids", "patient", "patient_source", "device", "cluster", "representative",
    GROUP, KIN, *QUASI, *COMPARED, *COUNTED, *KEYS, *ROLES[Role.COUNTED],
})  # fmt: skip


def nameless(index: pa.Table, gone: Doomed, frames: Set[str]) -> pa.Table:
    """Rows that speak of nothing that goes: groups and clusters are called anew, by the smallest
    that is left of them."""
    patients = {*gone.patients, *gone.aliases}
    index = _called_anew(index, GROUP, "patient", patients)
    for column in ("cluster", "representative"):
        index = _called_anew(index, column, "frame_id", frames)
    kin = index.column(KIN).combine_chunks().dictionary_encode()
    said = [
        " ".join(one for one in text.split() if one not in patients)
        for text in kin.dictionary.to_pylist()
    ]
    return _put(index, KIN, pa.array(said, pa.string()).take(kin.indices))


def _called_anew(index: pa.Table, column: str, own: str, gone: Set[str]) -> pa.Table:
    values = index.column(column).combine_chunks()
    hit = pc.is_in(values, pa.array(sorted(gone), values.type))
    if not pc.any(hit).as_py():
        return index
    members = pa.table({"value": values.filter(hit), "own": index.column(own).filter(hit)})
    least = members.group_by("value").aggregate([("own", "min")])
    at = pc.index_in(values, least.column("value").combine_chunks())
    return _put(index, column, pc.coalesce(least.column("own_min").take(at), values))


def write_what_is_left(
    releases: Storage,
    old: Manifest,
    rows: NDArray[np.int64],
    known: pa.Table,
    shift: NDArray[np.int64],
    path: Path,
) -> tuple[str, int]:
    """Write the index of what is left of a release: what is not known yet is read now, in parts.

    Args:
        rows: (n,) which samples these are, ascending.
        known: some of their columns, as they are from now on.
        shift: (n,) how many bytes farther on a sample lies in its shard.

    Returns:
        The file's SHA-256, and of the sample that has most masks how many these are.
    """
    masks = 0

    def parts() -> Iterator[pa.Table]:
        nonlocal masks
        begun = done = 0
        for group in index_groups(releases, old):
            end = begun + group.num_rows
            own = slice(done, int(np.searchsorted(rows, end)))
            part = group.take(pa.array(rows[own] - begun))
            del group  # before this is used, and the next is read
            for name in known.column_names:
                part = _put(part, name, known.column(name)[own])
            part = _with_masks_moved(part, shift[own])
            masks = max(masks, most_masks(part))
            begun, done = end, own.stop
            yield part
            del part

    sha256 = write_index(parts(), index_schema_of(releases, old), path)
    return sha256, masks


def _with_masks_moved(index: pa.Table, shift: NDArray[np.int64]) -> pa.Table:
    """Annotations whose masks lie as much farther on as their samples' images do, bytes."""
    marks = index.column(MARKS).combine_chunks()
    records = marks.flatten()
    owner = pc.list_parent_indices(marks).to_numpy()
    fields = list(marks.type.value_type)
    columns = [
        pc.add(records.field(one.name), pa.array(shift[owner]))
        if one.name == "mask_offset"
        else records.field(one.name)
        for one in fields
    ]
    sizes = pc.fill_null(pc.list_value_length(marks), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    structs = pa.StructArray.from_arrays(columns, fields=fields)
    return _put(index, MARKS, pa.ListArray.from_arrays(offsets, structs, type=marks.type))


def _put(index: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = index.schema.get_field_index(name)
    return index.set_column(place, index.schema.field(place), values)

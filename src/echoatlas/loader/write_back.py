"""Write back what a training found out about samples: see ``feedback`` for how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.loader.feedback_columns import versions
from echoatlas.loader.load import warn, zone_of
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.beside import FEEDBACK
from echoatlas.pipeline.release.manifest import index_columns_of
from echoatlas.pipeline.release.notices import living
from echoatlas.pipeline.storage.whereabouts import find_releases
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 64  # bytes of a column's name, of which files are made where a release is read
TRIES = 50  # of writers at once


def feedback(
    name: str,
    table: pa.Table | Mapping[str, Sequence[Any]],
    *,
    lake: str | Path | None = None,
    releases: str | Path | None = None,
    endpoint: str | None = None,
    region: str | None = None,
    note: str = "",
) -> int:
    """Write what a training found out about a release's samples beside it, as a new version.

    Args:
        name: of the release.
        table: ``frame_id``, and columns of numbers (``loss``) or of lists of numbers that are all
            of one length (``patches``: 256 losses, of a 16 x 16 map, row-major). A sample that is
            told more than once counts by the mean. Missing values, and such as are no number,
            tell nothing.
        lake, releases, endpoint, region: as ``load`` takes them.
        note: a sentence for people, kept with it.

    Returns:
        Its version, from 1: ``load(name, feedback=version)``.

    Raises:
        UsageError: it is no such table, tells of samples that the release does not have, or the
            releases may not be written.
    """
    place = find_releases(
        str(lake) if lake else None,
        releases=str(releases) if releases else None,
        zone=zone_of(endpoint, region),
    )
    manifest = living(place, name, warn)
    found = _meant(table if isinstance(table, pa.Table) else _table(table))
    known = index_columns_of(place, manifest, ["frame_id"]).column("frame_id")
    import pyarrow.compute as pc  # not with ``echoatlas.load``: few write anything back

    strange = pc.sum(pc.invert(pc.is_in(found.column("frame_id"), value_set=known))).as_py() or 0
    if strange:
        some = number_of(strange, "sample")
        raise UsageError(f"feedback tells of {some} that release '{name}' does not have")
    sink = pa.BufferOutputStream()
    told = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "note": note}
    pq.write_table(found.replace_schema_metadata(told), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    for _ in range(TRIES):
        version = 1 + max(versions(place, manifest.name), default=0)
        try:
            place.write(f"{manifest.name}/{FEEDBACK}{version:04d}.parquet", data, create=True)
        except FileExistsError:  # another one was faster
            continue
        if living(place, name, _untold).name != manifest.name:
            # Somebody left meanwhile: what was written may speak of them, and nobody looks there
            place.delete([f"{manifest.name}/{FEEDBACK}{version:04d}.parquet"])
            raise UsageError(f"release '{manifest.name}' was redacted meanwhile: load it anew")
        return version
    raise UsageError("too many write feedback at once: try again")


def _untold(said: str) -> None: ...


def _table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    try:
        return pa.table({
            name: pa.array([None if v is None else np.asarray(v).tolist() for v in values])
            for name, values in columns.items()
        })  # fmt: skip
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        said = str(error).partition("\n")[0]
        raise UsageError(f"feedback is no table: {said}") from None


def _meant(table: pa.Table) -> pa.Table:
    """A row a sample, its numbers as float32."""
    if "frame_id" not in table.column_names or table.num_columns < 2:
        raise UsageError("feedback has a column frame_id, and one of numbers at least")
    ids = table.column("frame_id").combine_chunks().cast(pa.string())
    if ids.null_count:
        raise UsageError("feedback has rows without a frame_id")
    if len({name.casefold() for name in table.column_names}) < table.num_columns:
        raise UsageError("two columns of feedback differ by case alone, which SQL does not know")
    coded = ids.dictionary_encode()
    codes, rows = np.asarray(coded.indices), len(coded.dictionary)
    columns = {"frame_id": coded.dictionary}
    for name in table.column_names:
        if name != "frame_id":
            columns[name] = _means(name, table.column(name).combine_chunks(), codes, rows)
    return pa.table(columns)


def _means(name: str, values: pa.Array, codes: NDArray[np.int64], rows: int) -> pa.Array:
    if not name.isidentifier() or len(name.encode()) > LONGEST:
        raise UsageError(
            f"a column of feedback is called by letters, digits and _, at most {LONGEST}"
        )
    listed = pa.types.is_list(values.type) or pa.types.is_large_list(values.type)
    listed = listed or pa.types.is_fixed_size_list(values.type)
    kind = values.type.value_type if listed else values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise UsageError(f"column '{name}' of feedback holds no numbers")
    present = np.asarray(values.is_valid())
    width = 1
    if listed:
        import pyarrow.compute as pc

        lengths = set(pc.list_value_length(values.drop_null()).to_pylist())
        if len(lengths) > 1:
            raise UsageError(f"lists in column '{name}' of feedback differ in length")
        width = lengths.pop() if lengths else 0
    flat = values.drop_null().flatten() if listed else values.drop_null()
    numbers = flat.cast(pa.float64()).to_numpy(zero_copy_only=False).reshape(-1, width)
    fine = np.isfinite(numbers).all(axis=1)
    whose = codes[present][fine]
    sums = np.zeros((rows, width))
    np.add.at(sums, whose, numbers[fine])
    times = np.bincount(whose, minlength=rows)
    means = (sums / np.maximum(times, 1)[:, None]).astype(np.float32)
    if not listed:
        return pa.array(means[:, 0], mask=times == 0)
    parts = pa.array(means[times > 0].reshape(-1))
    offsets = np.concatenate([[0], np.cumsum(np.where(times > 0, width, 0))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), parts, mask=pa.array(times == 0))

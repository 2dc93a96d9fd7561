"""Small files of a table made into large ones. What versions before hold is not touched.

Runs write a file a batch; after thousands of them each look at a table opens thousands of files.
Files of one site come to lie together. Versions that releases have pinned stay readable, until
``swept`` takes away files that neither they nor the newest version need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.files import rows_of_file
from echoatlas.pipeline.lake.staged import write_in_groups
from echoatlas.schemas.tables import TABLES, schema

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

LARGE = 64 << 20  # bytes from which a file is left as it is
TARGET = 128 << 20  # bytes of small files that are made into one
GROUP = 8 << 20  # bytes of rows that lie together in a file: who wants one row reads as much
# Those of scope "lake" are written whole, and say by their newest commit what they were made of
COMPACTED = tuple(name for name, table in TABLES.items() if table.scope != "lake")


@dataclass(frozen=True, slots=True)
class Compacted:
    """Files that made up a table, and that make it up now."""

    before: int
    after: int


def compact(
    lake: Lake, name: str, run_id: str, *, large: int = LARGE, target: int = TARGET
) -> Compacted:
    """Make a table's small files into large ones, a commit each. Nobody else may be writing.

    Args:
        run_id: of whoever holds the lake: what a kill leaves behind is swept away by it.
        large: bytes from which a file is left as it is. target: bytes of small files in one.

    Raises:
        Retry: another process committed to the table in between.
    """
    there = lake.sizes(name)
    small = [(path, size) for path, size in there if size < large]
    made = 0
    gone = 0
    for number, some in enumerate(_binned(lake, name, small, target)):
        if len(some) < 2:
            continue
        stem = f"part-{run_id}-compact-{number:06d}"
        rows = (rows_of_file(lake.storage, name, path) for path in some)
        part = write_in_groups(lake.storage, _gathered(rows), name, stem)
        lake.swap(name, some, [part], f"{run_id}-compact-{name}-{number:06d}")
        made, gone = made + 1, gone + len(some)
    return Compacted(len(there), len(there) - gone + made)


def swept(lake: Lake, name: str, versions: Collection[int], days: int) -> int:
    """Delete for good the files of a table that no version needs which is to stay.

    Nobody may be writing, or be reading a version that does not stay.

    Args:
        versions: that stay, beside the newest. days: for which all files stay, whatever needs them.

    Returns:
        How many files went.

    Raises:
        CheckFailed: a version that is to stay can't be read: nothing is deleted.
    """
    for version in sorted(versions):
        if not lake.can_read(name, version):
            said = f"version {version} of '{name}', which a release pinned, can't be read any more"
            raise CheckFailed(f"{said}: nothing of '{name}' is deleted")
    return lake.vacuum(name, keep=sorted(versions), hours=24 * days)


def _binned(
    lake: Lake, name: str, files: Iterable[tuple[str, int]], target: int
) -> Iterator[list[str]]:
    """Paths, those of one site together, cut into about as many bytes."""
    by_site = "site" in schema(name).names
    site = {path: _site_of(lake, name, path) if by_site else "" for path, _ in files}
    held: list[str] = []
    size = 0
    for path, more in sorted(files, key=lambda one: (site[one[0]], one[0])):
        held.append(path)
        size += more
        if size >= target:
            yield held
            held, size = [], 0
    if held:
        yield held


def _site_of(lake: Lake, name: str, path: str) -> str:
    """The first site of a file, in order of names."""
    least = pc.min(rows_of_file(lake.storage, name, path, ["site"]).column("site")).as_py()
    return least or ""


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables joined to about ``GROUP`` bytes each: they may be of a row, or of thousands."""
    held: list[pa.Table] = []
    for one in tables:
        held.append(one)
        if sum(table.nbytes for table in held) >= GROUP:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)

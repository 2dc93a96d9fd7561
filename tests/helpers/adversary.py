"""Somebody who wants to find an erased patient: reads every byte, packed and unpacked."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq


def everything_in(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below some folders: its name, its bytes, and what these unpack to."""
    for path in sorted(one for root in roots for one in root.rglob("*") if one.is_file()):
        yield from unpacked(str(path), path.read_bytes())


def unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file's name and bytes, and all that these unpack to."""
    yield name, name.encode() + b"\n" + data
    if data[:4] == b"PAR1":
        file = pq.ParquetFile(io.BytesIO(data))
        yield name, repr(file.metadata.metadata).encode()
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            said = [str(group.column(n).statistics) for n in range(group.num_columns)]
            yield name, "\n".join(said).encode()
        for row in file.read(use_threads=False).to_pylist():
            yield name, repr(row).encode()
            yield name, b"\n".join(one for one in row.values() if isinstance(one, bytes))
    elif name.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                packed = tar.extractfile(member)
                assert packed is not None
                yield name, member.name.encode() + b"\n" + packed.read()


def traces(needles: Iterable[bytes], *roots: Path) -> list[str]:
    """Where any of some texts or pictures is left below some folders."""
    return found_in(needles, everything_in(*roots))


def found_in(needles: Iterable[bytes], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which of some texts or pictures stand in which places."""
    wanted = [one for one in needles if one]
    assert wanted, "nothing to look for"
    return sorted(
        {
            f"{name.rpartition('/')[2]}: {needle[:40]!r}"
            for name, data in places
            for needle in wanted
            if needle in data
        }
    )

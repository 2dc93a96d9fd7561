"""Bring the lake's images into a release's order without holding them, in one pass over the table.

The lake keeps images in order of arrival, a release by split and patient. They are dealt out to
files by where they belong, and each file is then sorted in memory.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from echoatlas.pipeline.errors import UsageError

HEAD = struct.Struct("<QI")  # place in the order, bytes that follow
MOST_FILES = 256  # open at once
LEAST = 512  # images a file, so that small releases need one or two

Convert = Callable[[bytes], bytes]


def in_order(
    ids: Sequence[str], images: Iterable[tuple[str, bytes]], convert: Convert
) -> Iterator[bytes]:
    """Images in the order of ``ids``, converted on all cores.

    Args:
        images: id and image, in any order; those not asked for are passed over.
        convert: what to do to each; must let go of the interpreter to gain from several cores.

    Raises:
        UsageError: there is no space for temporary files (as large as the images).
        KeyError: an image is missing.
    """
    size = max(-(-len(ids) // MOST_FILES), LEAST)
    places = {one: place for place, one in enumerate(ids)}
    with tempfile.TemporaryDirectory(prefix="echoatlas-") as folder:
        try:
            files = _dealt(Path(folder), places, images, size)
        except OSError as error:
            raise UsageError(f"cannot sort images in {folder} ({error.strerror})") from None
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, start in enumerate(range(0, len(ids), size)):
                held = _read(files[number])
                files[number].unlink()
                wanted = range(start, min(start + size, len(ids)))
                yield from pool.map(convert, [held[place] for place in wanted])


def _dealt(
    folder: Path, places: dict[str, int], images: Iterable[tuple[str, bytes]], size: int
) -> list[Path]:
    paths = [folder / str(number) for number in range(-(-len(places) // size))]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for one, image in images:
            place = places.get(one)
            if place is not None:
                file = files[place // size]
                file.write(HEAD.pack(place, len(image)))
                file.write(image)
    return paths


def _read(path: Path) -> dict[int, bytes]:
    data = path.read_bytes()
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        place, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        found[place] = data[at : at + length]
        at += length
    return found

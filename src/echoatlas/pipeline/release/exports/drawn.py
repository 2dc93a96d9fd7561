"""What is drawn of a sample besides annotations, as loose files of the sample's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.release.exports.drawing import FAN, FOLDERS, OVERLAY, PATCHES
from echoatlas.pipeline.release.reader import fan_in_image

if TYPE_CHECKING:
    from echoatlas.pipeline.release.exports.job import Pull
    from echoatlas.pipeline.release.reader import Stored


def drawn_files(job: Pull[Any], row: Mapping[str, Any]) -> list[str]:
    """Where what is drawn of a row's sample lies, in formats of loose files."""
    if not job.reader.beside:
        return []
    overlay, patches = job.reader.members(row)
    there = {
        FAN: bool(fan_in_image(row)),
        OVERLAY: overlay[1] > overlay[0],
        PATCHES: patches[1] > patches[0],
    }
    return [_file(name, row["frame_id"]) for name, known in there.items() if known]


def write_drawn(job: Pull[Any], sample: Stored) -> None:
    """Write those files: masks of one bit (0 and 255 as gray), patch maps of 16 x 16."""
    for name, picture in job.drawn(sample).pictures.items():
        path = _file(name, sample.frame_id)
        if not job.target.has(path):
            job.target.write(path, picture)


def _file(name: str, frame_id: str) -> str:
    return f"{FOLDERS[name]}/{frame_id}.png"

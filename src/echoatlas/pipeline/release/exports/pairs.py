"""Image and mask in two folders, of the same name: how segmentation is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.annotations import has_mask
from echoatlas.pipeline.release.exports.drawn import drawn_files, write_drawn
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, marks, masked
from echoatlas.pipeline.release.exports.rle import inside
from echoatlas.pipeline.release.reader import Stored

# Below that of the pull, no part of it hidden
Folder = Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*(/[^./\\][^/\\]*)*$")]


class Settings(FormatSettings):
    """Names of folders, and what stands in a mask."""

    image: Folder = Field("image", description="Folder of the images.")
    mask: Folder = Field("mask", description="Folder of the masks.")
    splits: Literal["plain", "set"] = Field(
        "plain", description="plain: train, val, test; set: training_set, val_set, test_set."
    )
    name: str = Field("", description="Only masks of this name; all if empty.")
    values: Literal["binary", "index"] = Field(
        "binary", description="binary: 0 and 255; index: the number of the name, from 1."
    )

    @model_validator(mode="after")
    def folders_are_two(self) -> Settings:
        if self.image == self.mask:
            raise ValueError("images and masks have the same names: name two folders")
        return self


SETS = {"train": "training_set"}


def write_pairs(job: Pull[Settings]) -> None:
    """Write it: samples that have a mask; several masks of one are laid over each other."""
    ask = job.settings
    rows = job.index.to_pylist()
    job.chosen(
        [at for at, row in enumerate(rows) if masked(row, ask.name)],
        "they have no mask" + (f" of the name '{ask.name}'" if ask.name else ""),
    )
    names = names_of(rows, ask.name)
    for sample in job.lacking(job.index, lambda row: [*_paths(row, ask), *drawn_files(job, row)]):
        write_drawn(job, sample)
        image, mask = _paths(sample.row, ask)
        job.target.write(mask, encode_png(painted(sample, names, ask)))
        job.target.write(image, sample.file if job.ending == "png" else encode_png(sample.pixels))
    if ask.values == "index":
        lines = "".join(f"{one}\n" for one in ["background", *names])
        job.target.write("classes.txt", lines.encode())
        job.notes.append("Values of masks are numbers of lines of `classes.txt`, from 0.")


def names_of(rows: list[dict[str, Any]], name: str) -> list[str]:
    """What masks are about, in order; their numbers begin with 1."""
    found = {mark["name"] for row in rows for mark in marks(row) if has_mask(mark)}
    return sorted(one for one in found if name in ("", one))


def painted(sample: Stored, names: list[str], ask: Settings) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The masks of a sample in one picture, the smaller above the larger."""
    wanted = [mark for mark in sample.annotations if has_mask(mark) and mark["name"] in names]
    areas = [(inside(mark["mask"]), names.index(mark["name"]) + 1) for mark in wanted]
    picture = np.zeros(areas[0][0].shape, np.uint8)
    for area, number in sorted(areas, key=lambda one: -int(one[0].sum())):
        picture[area] = number if ask.values == "index" else 255
    return picture


def _paths(row: dict[str, Any], ask: Settings) -> tuple[str, str]:
    split = row["split"]
    folder = SETS.get(split, f"{split}_set") if ask.splits == "set" else split
    return tuple(f"{folder}/{one}/{row['frame_id']}.png" for one in (ask.image, ask.mask))  # type: ignore[return-value]

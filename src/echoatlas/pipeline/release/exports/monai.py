"""MONAI: a datalist, images and masks in NRRD, which tells it how large a pixel is.

Image and mask are of one kind: MONAI reads PNG as (W, H) and NPY as (H, W). Names carry a digest
of the content: PersistentDataset's key is the item alone.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from echoatlas.pipeline.release.exports.drawing import FOLDERS
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, masked
from echoatlas.pipeline.release.exports.pairs import Settings as PairSettings
from echoatlas.pipeline.release.exports.pairs import names_of, painted
from echoatlas.pipeline.release.exports.words import class_of, classes
from echoatlas.pipeline.release.reader import Stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

LISTS = {"train": "training", "val": "validation"}
TOLD = ("frame_id", "patient", "site", "region", "organ", "license")


class Settings(FormatSettings):
    """What is learned."""

    task: Literal["segmentation", "classification"] = Field(
        "segmentation", description="segmentation: samples with masks; classification: all."
    )
    name: str = Field("", description="Only masks of this name; all if empty.")


def write_monai(job: Pull[Settings]) -> None:
    """Write it: ``dataset.json`` with a list a split; all items of it have the same keys."""
    ask = job.settings
    names: list[str] = []
    if ask.task == "segmentation":
        rows = job.index.to_pylist()
        why = "they have no mask" + (f" of the name '{ask.name}'" if ask.name else "")
        job.chosen([at for at, row in enumerate(rows) if masked(row, ask.name)], why)
        names = names_of(rows, ask.name)
    labels = ["background", *names] if names else classes()
    # Its batches want as many channels of every picture
    color = 3 in job.index.column("channels").to_pylist()
    data: dict[str, Any] = {
        "name": f"EchoAtlas {job.manifest.name}",
        "tensorImageSize": "2D",
        "modality": {"0": "US"},
        "labels": {str(number): one for number, one in enumerate(labels)},
    }
    for split in job.splits:
        items = []
        for sample in job.samples(job.of(split)):
            items.append(_item(job, sample, names, color=color))
        key = LISTS.get(split, split)
        data[key] = items
        data[f"num{key.capitalize()}"] = len(items)
    job.target.write("dataset.json", json.dumps(data, sort_keys=True, indent=1).encode())
    shape, channel = ("(W, H, 3)", "-1") if color else ("(W, H)", '"no_channel"')
    job.notes.append(
        f"Images by MONAI's NrrdReader come as {shape}: `EnsureChannelFirstd('image', channel_dim="
        f"{channel})`; masks as (W, H). `spaced` is 0 where the size of a pixel is not known and "
        "1 mm stands for it. Not known, `fan_mask` is 1, `overlay` 0, `patch_map` 255."
    )


def _item(job: Pull[Settings], sample: Stored, names: list[str], *, color: bool) -> dict[str, Any]:
    row = sample.row
    spacing = row["mm_per_px_x"], row["mm_per_px_y"]
    pixels = sample.pixels
    shown = np.repeat(pixels[..., None], 3, 2) if color and pixels.ndim == 2 else pixels
    item: dict[str, Any] = {"image": _named(job, "images", sample, shown, spacing)}
    if names:
        mask = painted(sample, names, PairSettings(values="index"))
        item["label"] = _named(job, "masks", sample, mask, spacing)
    else:
        item["label"] = class_of(row)
    if job.settings.drawn:
        for name, found in job.drawn(sample).whole(row["height"], row["width"]).items():
            data = as_nrrd(found.view(np.uint8), _spread(spacing, sample, found))
            item[name] = f"{FOLDERS[name]}/{hashlib.sha256(data).hexdigest()[:24]}.nrrd"
            if not job.target.has(item[name]):
                job.target.write(item[name], data)
    return item | {name: row[name] for name in TOLD} | {"spaced": int(None not in spacing)}


def _named(
    job: Pull[Settings],
    folder: str,
    sample: Stored,
    pixels: NDArray[np.uint8],
    spacing: tuple[float | None, float | None],
) -> str:
    data = as_nrrd(pixels, spacing)
    name = f"{folder}/{sample.frame_id}-{hashlib.sha256(data).hexdigest()[:12]}.nrrd"
    if not job.target.has(name):
        job.target.write(name, data)
    return name


def _spread(
    spacing: tuple[float | None, float | None], sample: Stored, pixels: NDArray[Any]
) -> tuple[float, float]:
    """Size of a pixel of a picture that shows all of a sample in other pixels."""
    (height, width), (x, y) = pixels.shape, spacing
    return (x or 1.0) * sample.row["width"] / width, (y or 1.0) * sample.row["height"] / height


def as_nrrd(pixels: NDArray[np.uint8], spacing: tuple[float | None, float | None]) -> bytes:
    """A picture, (H, W) or (H, W, 3) uint8, as NRRD; a pixel of unknown size is 1 mm.

    Color is a third direction, of 1, after the picture's own: MONAI 1.6 takes a direction for every
    axis, and raises where colors have none, as others write them.
    """
    height, width = pixels.shape[:2]
    x, y = (one or 1.0 for one in spacing)
    color = pixels.ndim == 3
    directions = f"({x!r},0,0) (0,{y!r},0) (0,0,1)" if color else f"({x!r},0) (0,{y!r})"
    lines = [
        "NRRD0004",
        "type: uint8",
        f"dimension: {pixels.ndim}",
        f"space dimension: {pixels.ndim}",
        f"sizes: {width} {height}{' 3' if color else ''}",
        f"space directions: {directions}",
        f"kinds: {' '.join(['domain'] * pixels.ndim)}",
        f"space origin: ({','.join('0' * pixels.ndim)})",
        "encoding: gzip",
    ]
    planes = pixels.transpose(2, 0, 1) if color else pixels
    packed = gzip.compress(np.ascontiguousarray(planes).tobytes(), 6, mtime=0)
    return "\n".join([*lines, "", ""]).encode("ascii") + packed

"""HDF5 and JSON lists, as the challenges of EchoCare's encoder read them (FETUS and CSV 2026)."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from pydantic import Field

from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, masked, needs
from echoatlas.pipeline.release.exports.pairs import Settings as PairSettings
from echoatlas.pipeline.release.exports.pairs import names_of, painted
from echoatlas.pipeline.release.reader import Stored
from echoatlas.taxonomy.tree import tree

OLDEST = ("v110", "v110")  # HDF5, of 2016, that can read it
SMALL = 1024  # bytes up to which an array is not worth a chunk
PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 9}
LISTS = {"train": "train_labeled", "val": "valid"}


class Settings(FormatSettings):
    """Where the lists say that files lie."""

    root: str = Field("", description="Put before paths in lists.")
    name: str = Field("", description="Only masks of this name; all if empty.")


def write_hdf5(job: Pull[Settings]) -> None:
    """Write it: ``images/ID.h5`` (image, view; where known fan_mask, overlay, patch_map),
    ``labels/ID_label.h5`` (mask, label), lists.

    Samples without a mask are of the list ``train_unlabeled``, if they are of the split train.
    """
    try:
        import h5py  # noqa: F401
    except ModuleNotFoundError:
        raise needs("h5py", "hdf5") from None
    rows = job.index.to_pylist()
    names = names_of(rows, job.settings.name)
    views = ["unknown", *sorted({row["view"] for row in rows} - {""})]
    for sample in job.lacking(job.index, lambda row: _names(row, job.settings)):
        _write(job, sample, names, views)
    lists: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        paths = [f"{job.settings.root}{one}" for one in _names(row, job.settings)]
        key = LISTS.get(row["split"], row["split"])
        if len(paths) == 1:
            key = "train_unlabeled" if row["split"] == "train" else f"{key}_unlabeled"
        lists.setdefault(key, []).append(dict(zip(("image", "label"), paths, strict=False)))
    for key, cases in lists.items():
        job.target.write(f"{key}.json", json.dumps(cases, indent=1).encode())
    classes = {
        "mask": ["background", *names],
        "view": ["", *views],
        "label": [node.path for node in tree().nodes],
    }
    job.target.write("classes.json", json.dumps(classes, indent=1).encode())
    job.notes.append(
        "`mask` holds numbers of `classes.json`'s mask, `view` one of its view (from 1), `label` "
        "is multi-hot over its label."
    )


def _names(row: dict[str, Any], ask: Settings) -> list[str]:
    image = f"images/{row['frame_id']}.h5"
    return [image, f"labels/{row['frame_id']}_label.h5"] if masked(row, ask.name) else [image]


def _write(job: Pull[Settings], sample: Stored, names: list[str], views: list[str]) -> None:
    pixels = sample.pixels
    color = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    view = views.index(sample.row["view"] or "unknown") + 1
    paths = _names(sample.row, job.settings)
    if len(paths) == 2:
        mask = painted(sample, names, PairSettings(values="index"))
        label = tree().multi_hot(sample.row["paths"].split())
        job.target.write(paths[1], _packed({"mask": mask, "label": label}))
    arrays = {"image": color, "view": np.array([view], np.int64)} | job.drawn(sample).arrays
    job.target.write(paths[0], _packed(arrays))


def _packed(arrays: dict[str, Any]) -> bytes:
    """Arrays as a file, the large ones a chunk each: before HDF5 1.10 that takes 2 kB more."""
    import h5py

    sink = io.BytesIO()
    with h5py.File(sink, "w", libver=OLDEST, track_order=False) as file:
        for name, array in arrays.items():
            large = array.ndim > 1 and array.size > SMALL
            more = PACKED | {"chunks": array.shape} if large else {}
            file.create_dataset(name, data=array, track_times=False, **more)
    return sink.getvalue()

"""What is drawn of a clip besides annotations, as files of the clip's name."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.release.exports.drawing import (
    FAN,
    FOLDERS,
    OVERLAY,
    PATCHES,
    Drawing,
    fan_of,
    two_levels,
)

if TYPE_CHECKING:
    from echoatlas.pipeline.release.exports.clip import ReleaseClip
    from echoatlas.pipeline.release.exports.job import Pull
    from echoatlas.pipeline.release.reader import Stored

_ENDINGS = {FAN: "png", OVERLAY: "json", PATCHES: "npy"}


def clip_files(job: Pull[Any], clip: ReleaseClip) -> dict[str, str]:
    """Where they lie, by what they are: what is not known has no file.

    The fan is that of all frames, of one bit; overlays are a list of COCO's run lengths, null for a
    frame that has none; patches are (T, 16, 16) uint8, not there if any frame's are not known.
    """
    if not job.reader.beside:
        return {}
    members = [job.reader.members(row) for row in clip.rows.to_pylist()]
    there = {
        FAN: fan_of(clip.first) is not None,
        OVERLAY: any(overlay[1] > overlay[0] for overlay, _ in members),
        PATCHES: all(patches[1] > patches[0] for _, patches in members),
    }
    return {
        name: f"{FOLDERS[name]}/{clip.name}.{_ENDINGS[name]}"
        for name, known in there.items()
        if known
    }


def write_clip_files(job: Pull[Any], clip: ReleaseClip, samples: Sequence[Stored]) -> None:
    """Write them."""
    found = [job.drawn(one) for one in samples]
    for name, path in clip_files(job, clip).items():
        job.target.write(path, _WRITERS[name](found))


def _fan(found: Sequence[Drawing]) -> bytes:
    area = found[0].fan
    assert area is not None
    return two_levels(area)


def _overlays(found: Sequence[Drawing]) -> bytes:
    told: list[dict[str, Any] | None] = []
    for one in found:
        runs = one.spoken[OVERLAY]
        told += runs if isinstance(runs, list) else [runs]
    return json.dumps(told).encode()


def _patches(found: Sequence[Drawing]) -> bytes:
    sink = io.BytesIO()
    maps = [one.patches for one in found if one.patches is not None]
    whole = maps[0] if maps[0].ndim == 3 else np.stack(maps)
    np.save(sink, whole, allow_pickle=False)
    return sink.getvalue()


_WRITERS = {FAN: _fan, OVERLAY: _overlays, PATCHES: _patches}

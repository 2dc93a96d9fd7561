"""SA-V: pictures of clips, and masks by object and frame, as SAM 2 and its kin are trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pydantic import Field

from echoatlas.pipeline.release.annotations import has_mask
from echoatlas.pipeline.release.exports.clip import ReleaseClip, by_frame, clips_of
from echoatlas.pipeline.release.exports.drawn_clips import clip_files, write_clip_files
from echoatlas.pipeline.release.exports.job import FormatSettings, Pull, marks, masked
from echoatlas.pipeline.release.exports.rle import inside, run_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echoatlas.pipeline.release.reader import Stored
    from echoatlas.schemas.records import Picture

JPEG_QUALITY = 100  # its loader takes JPEG alone


class Settings(FormatSettings):
    """What its loader is told."""

    fps: int = Field(
        24, ge=1, description="Its frames_fps: every picture counts as annotated at that rate."
    )
    least: int = Field(1, ge=1, description="Frames that a clip has at the least.")


def write_sa_v(job: Pull[Settings]) -> None:
    """Write it: ``images/CLIP/00000.jpg``, ``gt/CLIP_manual.json`` and ``SPLIT_list.txt``.

    A frame on which nothing was drawn is null for all objects, and its loader leaves it out; where
    some were drawn, one that was not is out of sight: an empty mask of the whole size.
    """
    found = [
        clip
        for clip in clips_of(job.index, job.settings.least)
        if any(masked(row) for row in clip.rows.to_pylist())
    ]
    where = {one: row for row, one in enumerate(job.index.column("frame_id").to_pylist())}
    kept = [where[one] for clip in found for one in clip.rows.column("frame_id").to_pylist()]
    job.chosen(sorted(kept), "they are of clips without masks")
    for clip in found:
        _write(job, clip)
    for split in job.splits:
        names = sorted(clip.name for clip in found if clip.first["split"] == split)
        job.target.write(f"{split}_list.txt", "".join(f"{one}\n" for one in names).encode())
    job.notes.append(
        f"Pictures are JPEG of quality {JPEG_QUALITY}, as the layout wants it: not free of loss. "
        f"`fps` in the JSON is the loader's `frames_fps`; true times stand in `times.json`."
    )
    times = {clip.name: list(clip.times) for clip in found if clip.timed}
    job.target.write("times.json", json.dumps(times, sort_keys=True).encode())


def _write(job: Pull[Settings], clip: ReleaseClip) -> None:
    names = [f"images/{clip.name}/{number:05d}.jpg" for number in range(len(clip))]
    told = f"gt/{clip.name}_manual.json"
    if job.target.has(told, *names, *clip_files(job, clip).values()):
        job.passed(clip.rows.num_rows)
        return
    listed = [part for row in clip.rows.to_pylist() for part in by_frame(row, marks(row))]
    objects = sorted({one for part in listed for one in _counted(part)})
    samples = list(job.samples(clip.rows))
    write_clip_files(job, clip, samples)
    shown = [one for sample in samples for one in _frames(sample)]
    drawn = [part for one in samples for part in by_frame(one.row, one.annotations)]
    for name, pixels in zip(names, shown, strict=True):
        job.target.write(name, _jpeg(pixels))
    row = clip.first
    sides = row["height"], row["width"]
    frames = [_masks(part, objects, sides) for part in drawn]
    data = {
        "video_id": clip.name,
        "video_frame_count": len(clip),
        "video_height": row["height"],
        "video_width": row["width"],
        "video_split": row["split"],
        "fps": job.settings.fps,
        "masklet_num": len(objects),
        "masklet_id": list(range(len(objects))),
        "masklet_name": [name for name, _ in objects],
        "masklet": frames,
    }
    job.target.write(told, json.dumps(data).encode())


def _counted(found: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    """Masks by what they are about, and by number where several are about the same."""
    numbers: dict[str, int] = {}
    counted = {}
    for mark in found:
        if has_mask(mark):
            number = numbers[mark["name"]] = numbers.get(mark["name"], -1) + 1
            counted[mark["name"], number] = mark
    return counted


def _frames(sample: Stored) -> Iterator[Picture]:
    """The pictures of a sample: one, or those of a whole clip."""
    yield from sample.pixels if sample.codec == "clip" else (sample.pixels,)


def _masks(
    found: list[dict[str, Any]], objects: list[tuple[str, int]], sides: tuple[int, int]
) -> list[dict[str, Any] | None]:
    drawn = _counted(found)
    if not drawn:
        return [None] * len(objects)
    empty = np.zeros(sides, bool)
    areas = (inside(drawn[one]["mask"]) if one in drawn else empty for one in objects)
    return [run_lengths(area) for area in areas]


def _jpeg(pixels: Picture) -> bytes:
    shown = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", shown, options)
    if not done:
        raise ValueError("a picture could not be written as JPEG")
    return data.tobytes()

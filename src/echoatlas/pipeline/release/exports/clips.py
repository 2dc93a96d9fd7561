"""Clips as files that video trainers open, and the lists that they are named in."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from echoatlas.pipeline.release.exports.clip import ReleaseClip, clips_of
from echoatlas.pipeline.release.exports.drawn_clips import clip_files, write_clip_files
from echoatlas.pipeline.release.exports.job import (
    FormatSettings,
    Hub,
    Pull,
    demand_video,
    marks,
)
from echoatlas.pipeline.release.exports.words import class_of, classes
from echoatlas.pipeline.release.huggingface import features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.release.reader import Stored

FOLDER = "Videos"
TOLD = ("patient", "study", "site", "region", "organ", "view", "mode", "device", "license")


class Settings(FormatSettings):
    """What the files are."""

    file: Literal["mp4", "avi", "npy"] = Field(
        "mp4", description="mp4: H.264 without loss; avi: FFV1; npy: (T, H, W, 3) uint8."
    )
    folder: Literal["flat", "study"] = Field("flat", description="study: a folder a study.")
    even: bool = Field(False, description="Write an even rate; true times stand in clips.parquet.")
    least: int = Field(2, ge=1, description="Frames that a clip has at the least.")
    root: str = Field("", description="Put before paths in lists.")


def write_clips(job: Pull[Settings]) -> Hub | None:
    """Write it: ``Videos/``, ``clips.parquet``, ``FileList.csv`` and a list of each split."""
    ask = job.settings
    if ask.file != "npy":
        demand_video("clips")
    found = list(clips_of(job.index, ask.least))
    where = {one: row for row, one in enumerate(job.index.column("frame_id").to_pylist())}
    kept = [where[one] for clip in found for one in clip.rows.column("frame_id").to_pylist()]
    job.chosen(sorted(kept), f"they are of clips of fewer than {ask.least} frames")
    for clip in found:
        path = _path(clip, ask)
        if job.target.has(path, *clip_files(job, clip).values()):
            job.passed(clip.rows.num_rows)
        else:
            samples = list(job.samples(clip.rows))
            write_clip_files(job, clip, samples)
            job.target.write(path, _file(pictures(samples), clip, ask))
    _lists(job, found)
    return _hub(job, found)


def pictures(samples: list[Stored]) -> NDArray[np.uint8]:
    """(T, H, W) where all are gray, else (T, H, W, 3); smaller ones are laid in the middle."""
    frames = [sample.pixels for sample in samples]
    if samples[0].codec == "clip":
        return frames[0]
    if any(one.ndim == 3 for one in frames):
        frames = [one if one.ndim == 3 else np.repeat(one[..., None], 3, 2) for one in frames]
    return np.stack(frames)


def _file(shown: NDArray[np.uint8], clip: ReleaseClip, ask: Settings) -> bytes:
    if ask.file == "npy":
        sink = io.BytesIO()
        color = shown if shown.ndim == 4 else np.repeat(shown[..., None], 3, 3)
        np.save(sink, color, allow_pickle=False)
        return sink.getvalue()
    from echoatlas.pipeline.release.exports.video import ffv1_avi, h264_mp4

    if ask.file == "avi":
        return ffv1_avi(shown, clip.step)
    return h264_mp4(shown, clip.even if ask.even else clip.times)


def _path(clip: ReleaseClip, ask: Settings) -> str:
    above = f"{clip.first['study']}/" if ask.folder == "study" and clip.first["study"] else ""
    return f"{FOLDER}/{above}{clip.name}.{ask.file}"


def _lists(job: Pull[Settings], found: list[ReleaseClip]) -> None:
    ask = job.settings
    for split in job.splits:
        mine = [clip for clip in found if clip.first["split"] == split]
        # V-JEPA 2 and EchoJEPA: path and number of the class, a blank between, no head
        lines = [f"{ask.root}{_path(clip, ask)} {class_of(clip.first)}\n" for clip in mine]
        job.target.write(f"{split}.csv", "".join(lines).encode())
    job.target.write("classes.txt", "".join(f"{one}\n" for one in classes()).encode())
    job.target.write("FileList.csv", _file_list(found, ask))
    studies: dict[str, list[str]] = {}
    for clip in found:
        studies.setdefault(clip.first["study"], []).append(_path(clip, ask))
    told = json.dumps({one: paths for one, paths in sorted(studies.items()) if one}, indent=1)
    job.target.write("studies.json", told.encode())
    sink = io.BytesIO()
    pq.write_table(_table(found, ask), sink, write_statistics=False)
    job.target.write("clips.parquet", sink.getvalue())
    job.notes += [
        "`clips.parquet` holds each clip's frames and their true times, ms; players and readers "
        "that go by an even rate misplace frames of uneven clips (`--set even=true`).",
        "Lists of a split are `PATH CLASS`, a class is a number of `classes.txt`; `FileList.csv` "
        "is EchoNet's table.",
    ]


def _file_list(found: list[ReleaseClip], ask: Settings) -> bytes:
    """EchoNet's: a name without ending is an AVI to it, one with an ending it passes over."""
    scalars = sorted({name for clip in found for name in _scalars(clip)})
    heads = ["FileName", "Split", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "acc_num"]
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([*heads, *TOLD, "EF", *scalars])
    for clip in found:
        row, numbers = clip.first, _scalars(clip)
        path = _path(clip, ask).removeprefix(f"{FOLDER}/")
        name = path.removesuffix(".avi") if ask.file == "avi" else path
        size = (row["height"], row["width"], f"{clip.fps:.6g}", len(clip), row["study"])
        told = [numbers.get(one, "") for one in ("ejection_fraction", *scalars)]
        writer.writerow([name, row["split"].upper(), *size, *(row[one] for one in TOLD), *told])
    return sink.getvalue().encode()


def _scalars(clip: ReleaseClip) -> dict[str, float]:
    """Numbers that the annotations of a clip's frames state alike."""
    found: dict[str, set[float]] = {}
    for row in clip.rows.to_pylist():
        for mark in marks(row):
            if mark["kind"] == "scalar" and mark["number"] is not None:
                found.setdefault(mark["name"], set()).add(mark["number"])
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}


def _table(found: list[ReleaseClip], ask: Settings) -> pa.Table:
    rows = [
        {
            "file_name": _path(clip, ask),
            "clip": clip.name,
            "split": clip.first["split"],
            **{name: clip.first[name] for name in TOLD},
            "class": class_of(clip.first),
            "fps": clip.fps,
            "timed": clip.timed,
            "times_ms": list(clip.times),
            "frame_ids": list(clip.frame_ids),
        }
        for clip in found
    ]
    return pa.Table.from_pylist(rows)


def _hub(job: Pull[Settings], found: list[ReleaseClip]) -> Hub | None:
    if job.settings.file == "npy":
        return None
    table = _table(found, job.settings)
    files = {}
    for split in job.splits:
        part = table.filter(pa.compute.equal(table.column("split"), split))
        sink = io.BytesIO()
        pq.write_table(part, sink, write_statistics=False)
        job.target.write(f"{split}.parquet", sink.getvalue())
        files[split] = [f"{split}.parquet", f"{FOLDER}/**/*.{job.settings.file}"]
    known = [one for one in features(table.schema) if one["name"] != "file_name"]
    names = sorted(f"{split}.parquet" for split in job.splits)
    how = {"metadata_filenames": names, "drop_labels": True}
    return Hub(files, [*known, {"name": "video", "dtype": "video"}], how)

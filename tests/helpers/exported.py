"""Small releases whose every picture, mask and time is known, to be pulled in any format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from echoatlas.pipeline.frames.codec import encode, encode_mask
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.fan import Fan, Shape
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, quick_lake

Array = np.ndarray[Any, np.dtype[np.uint8]]
FRAMES = 30
FAN = Fan(Shape.LINEAR, corners=((1, 1), (13, 1), (13, 14), (1, 14)), verdict="accept")
WIDE = Fan(Shape.LINEAR, corners=((5, 5), (59, 5), (59, 40), (5, 40)), verdict="accept")  # of clips
GRAPHICS = np.eye(16, dtype=bool)
CLIPS = {  # object to frames and shape
    "even": (23, (48, 64)),
    "odd": (12, (41, 47)),
    "color": (11, (48, 64, 3)),
    "short": (1, (48, 64)),
}
STEPS = (33.4, 33.3, 50.0, 16.7)  # ms, in turn


def ring() -> Array:
    """A mask with a hole, of three levels: 2 inside is as much inside as 255."""
    mask = np.zeros((16, 16), np.uint8)
    mask[3:12, 2:10] = 255
    mask[4:6, 4:6] = 2
    mask[7:9, 5:8] = 0
    return mask


def drawn(number: int) -> dict[str, Any]:
    """Of each fourth frame all is known, of the next one patches alone."""
    patches = {"patch_map": bytes(range(number, 256)) + bytes(number)}
    if number % 4 > 1:
        return {}
    fan = {"fan": FAN.to_json(), "scale": 1.0, "overlay": encode_mask(GRAPHICS)}
    return patches | ({} if number % 4 else fan)


def releases_of_frames(root: Path) -> Storage:
    """Thirty frames of ten patients; of each third frame a lesion is drawn, of some a box."""
    paths = ["abdomen/liver", "thorax/breast"]
    frames = [
        {"path": paths[n % 2], "patient": f"p{n // 3:04d}", "study": f"s{n // 3:04d}"}
        | ({"mm_per_px_x": 0.5, "mm_per_px_y": 0.25} if n % 2 else {})
        | {"mode": "b_mode", "site": f"site-{n % 2}", "fan_shape": ["convex", "linear"][n % 2]}
        | drawn(n)
        for n in range(FRAMES)
    ]
    lake = quick_lake(root, frames)
    plain = made(AnnotationRow, source="sidecar")
    rows = []
    for n in range(FRAMES):
        told = replace(plain, frame_id=f"f{n:04d}")
        if n % 3 == 0:
            mask = encode_png(ring())
            rows.append(replace(told, annotation_id=f"m{n}", kind="mask", name="lesion", mask=mask))
            kind = {"annotation_id": f"c{n}", "kind": "class", "name": "finding"}
            rows.append(replace(told, **kind, value=["benign", "malignant"][n % 2]))
        if n % 3 == 1:
            points = [2.0, 3.0, 9.5, 12.0]
            rows.append(
                replace(told, annotation_id=f"b{n}", kind="box", name="cyst", points=points)
            )
    lake.append("annotations", to_arrow("annotations", rows))
    found = lake.storage.sub("releases")
    create(lake, found, ReleaseConfig(name="one", splits={"train": 0.6, "val": 0.2, "test": 0.2}))
    create(lake, found, ReleaseConfig(name="fast", codec="zstd", splits={"train": 1.0}))
    return found


def shown(name: str) -> Array:
    """The pictures of a clip, (T, H, W[, 3]): speckle, which no lossy codec keeps."""
    frames, shape = CLIPS[name]
    return np.random.default_rng(len(name)).integers(0, 256, (frames, *shape), dtype=np.uint8)


def times(name: str) -> list[float]:
    frames = CLIPS[name][0]
    return [sum(STEPS[n % 4] for n in range(number)) for number in range(frames)]


def releases_of_clips(root: Path) -> Storage:
    """Three clips of uneven times and a still; in one, two lesions are drawn, the second late."""
    frames = []
    for name in CLIPS:
        for number, (one, time) in enumerate(zip(shown(name), times(name), strict=True)):
            size = {
                "height": one.shape[0],
                "width": one.shape[1],
                "channels": 3 if one.ndim == 3 else 1,
            }
            frames.append(
                {
                    "object_id": name,
                    "patient": f"p-{name}",
                    "study": f"s-{name}",
                    "frame_index": number,
                }
                | {"time_ms": 7.0 + time, "image": encode(one), "pixel_hash": pixel_hash(one)}
                | {"view": "a4c", "mode": "b_mode", **size}
                | (drawn_in_clip(number) if name == "even" else {})
            )
    lake = quick_lake(root, frames)
    rows = []
    for number in range(2, 10):
        marks = {"lesion": area(number)} | ({"cyst": area(number + 3)} if number > 5 else {})
        for name, mask in marks.items():
            told = {"frame_id": f"f{number:04d}", "annotation_id": f"{name}{number}", "name": name}
            rows.append(made(AnnotationRow, kind="mask", mask=encode_png(mask), **told))
    told = {"frame_id": "f0000", "annotation_id": "ef", "kind": "scalar", "number": 55.0}
    rows.append(made(AnnotationRow, name="ejection_fraction", unit="%", **told))
    lake.append("annotations", to_arrow("annotations", rows))
    found = lake.storage.sub("releases")
    create(lake, found, ReleaseConfig(name="one", splits={"train": 1.0}))
    create(lake, found, ReleaseConfig(name="whole", splits={"train": 1.0}, unit="clip"))
    return found


def drawn_in_clip(number: int) -> dict[str, Any]:
    """A fan, patches of a level a frame, and graphics on a few frames."""
    told = {"fan": WIDE.to_json(), "scale": 1.0, "patch_map": bytes([number + 1] * 256)}
    return told | ({"overlay": encode_mask(area(number) > 0)} if number in (3, 4) else {})


def area(number: int) -> Array:
    mask = np.zeros((48, 64), np.uint8)
    mask[number : number + 20, 10:40] = 255
    return mask

"""What taking a patient out of a release costs: by the shards that hold them, and by the release.

Releases of speckle frames, in shards of a megabyte or two, of patients of twenty frames who lie
together. One patient, or sixteen who lie apart, leave a release, and one that is four times as
large. Shards are the bulk: how many of their bytes are read and written must follow the shards that
are touched. What grows with the release is its index alone, of some hundred bytes a frame.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness import Took, few, report, seeded
from benchmarks.releases import table_rows
from echoatlas.pipeline.engine.scatter import in_this_process
from echoatlas.pipeline.erase.doomed import Doomed
from echoatlas.pipeline.erase.redaction import redact_releases
from echoatlas.pipeline.erase.sweep import sweep
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.storage.storage import Data, LocalStorage, Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.tables import schema

FRAMES, MANY = few((4_000, 16_000), (400, 1_600))
PATIENT, SIDE, SHARD_MB, AT_ONCE = 20, 128, 1, 2_000
LEAVING = (1, few(16, 4))


class Counted(LocalStorage):
    """A folder that counts the bytes of shards that are read and written."""

    moved = 0

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        data = super().read(key, start, length)
        Counted.moved += len(data) if key.startswith("shards/") else 0
        return data

    def write(self, key: str, data: Data, *, create: bool = False) -> None:
        super().write(key, data, create=create)
        Counted.moved += self.path(key).stat().st_size if key.startswith("shards/") else 0


def _id(kind: str, number: int) -> str:
    return hashlib.md5(f"{kind}{number}".encode()).hexdigest()


def _lake(root: Path, frames: int) -> Lake:
    lake = Lake(Storage.open(root))
    lake.replace("duplicates", schema("duplicates").empty_table())
    drawn = np.random.default_rng(1)
    for first in range(0, frames, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, frames))
        count = len(numbers)
        ids = {
            "frame_id": [_id("f", n) for n in numbers],
            "object_id": [_id("o", n // PATIENT) for n in numbers],
        }
        lake.append(
            "frames",
            table_rows(
                "frames",
                count,
                **ids,
                patient=[_id("p", n // PATIENT) for n in numbers],
                site=["bench"] * count,
                width=[SIDE] * count,
                height=[SIDE] * count,
                channels=[1] * count,
                fan_verdict=["accept"] * count,
                image=[
                    encode(drawn.rayleigh(40, (SIDE, SIDE)).clip(0, 255).astype(np.uint8))
                    for _ in numbers
                ],
            ),
        )
        lake.append(
            "measures",
            table_rows("measures", count, **ids, pixel_hash=[_id("h", n) for n in numbers]),
        )
        lake.append(
            "labels",
            table_rows(
                "labels",
                count,
                **ids,
                region=["thorax"] * count,
                organ=["unknown"] * count,
                paths=["thorax"] * count,
            ),
        )
    return lake


def _gone(frames: int, patients: int) -> Doomed:
    every = frames // PATIENT
    chosen = [every * n // patients for n in range(patients)]
    return Doomed(
        "bench",
        "bench",
        whole=False,
        patients=tuple(_id("p", n) for n in chosen),
        objects=tuple(_id("o", n) for n in chosen),
        frames=tuple(_id("f", n * PATIENT + k) for n in chosen for k in range(PATIENT)),
    )


def _releases(lake: Lake) -> Iterator[LocalStorage]:
    """The release anew, as often as it is asked for."""
    config = ReleaseConfig(name="one", codec="zstd", shard_mb=SHARD_MB)
    number = 0
    while True:
        place = Counted(Path(lake.storage.uri) / f"releases-{number}")
        create(lake, place, config)
        yield place
        number += 1


def main() -> None:
    seeded("erase", speckle=1)
    with tempfile.TemporaryDirectory() as folder:
        for frames in (FRAMES, MANY):
            lake = _lake(Path(folder) / str(frames), frames)
            cut = _releases(lake)
            for patients in LEAVING:
                releases, gone = next(cut), _gone(frames, patients)
                before = {one.file for one in manifest_of(releases, "one").shards}
                whole = sum(one.bytes for one in manifest_of(releases, "one").shards)
                Counted.moved = 0
                with Took() as took:
                    redact_releases(lake, releases, gone, "bench", in_this_process)
                    sweep(lake, releases, gone)
                after = {one.file for one in manifest_of(releases, "one+r1").shards}
                report(
                    "erase", f"{patients} of {frames}", shards=len(before),
                    touched=len(before - after), release_mb=whole / 1e6,
                    moved_mb=Counted.moved / 1e6,
                    moved_a_touched_mb=Counted.moved / 1e6 / len(before - after),
                    cpu_s=took.seconds,
                )  # fmt: skip


if __name__ == "__main__":
    main()

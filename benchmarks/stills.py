"""Stills for benchmarks of duplicates: the samples', where they are, and simulated ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import SAMPLES, few
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.schemas.fan import Fan
from echoatlas.simulate import make_still, write_png

STILLS = few(30, 3)
KINDS, ONE = ("images", "pocus", "dicom"), ("", "1")
Pixels: TypeAlias = NDArray[np.uint8]


def scanned() -> Iterator[tuple[str, Pixels, Fan]]:
    """The first picture of each of them in which a fan is found, and that fan."""
    for name, data in originals():
        try:
            scan = read(data, ReadConfig())
            picture = next(iter(Clip(scan)))
            fan = geometry(scan, [picture], GeometryConfig())[0]
        except (Reject, StopIteration):
            continue
        yield name, picture, fan


def originals() -> Iterator[tuple[str, bytes]]:
    """Real stills, where the samples are, and simulated ones.

    The first pictures of real clips are held out: no threshold was chosen by them.
    """
    if SAMPLES.is_dir():
        with (SAMPLES / "manifest.csv").open() as file:
            for row in list(csv.DictReader(file))[: few(None, 20)]:
                path = row["path"]
                if path.split("/")[0] in KINDS and row["frames"] in ONE:
                    yield f"real/{path}", (SAMPLES / path).read_bytes()
                elif path.split("/")[0] in (*KINDS, "video"):
                    yield f"held out/{path}", (SAMPLES / path).read_bytes()
    kinds = (("phased", "thorax/heart"), ("convex", "abdomen/liver"), ("linear", "thorax/breast"))
    for seed in range(STILLS):
        fan, anatomy = kinds[seed % 3]
        screen = ("philips", "siemens", "mindray")[seed // 3 % 3]
        yield (
            f"simulated/{seed}",
            write_png(make_still(seed, fan=fan, anatomy=anatomy, screen=screen)),
        )

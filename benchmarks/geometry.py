"""How well fans are found: IoU by shape on simulated scans, whose truth is known to the pixel."""

from __future__ import annotations

import time

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.simulate.layouts import LAYOUTS
from echoatlas.pipeline.simulate.scans import make_cine
from echoatlas.schemas.fan import Shape, Verdict
from echoatlas.schemas.records import Scan

SHAPES = [shape for shape in Shape if shape is not Shape.CROPPED]


def main(each: int = 6) -> None:
    """Print, by shape and clip length, the overlap with the truth and the verdicts."""
    cv2.setNumThreads(1)
    print(
        f"{'shape':12}{'frames':>7}{'found':>9}{'mean':>8}{'min':>8}{'accepted':>10}{'min':>8}  ms"
    )
    for shape in SHAPES:
        for frames in (1, 8):
            overlaps, accepted, took = [], [], []
            for seed in range(each):
                screen = sorted(LAYOUTS)[seed % len(LAYOUTS)]
                up = shape is Shape.ENDOCAVITY and seed % 2 == 1
                cine = make_cine(seed, frames=frames, fan=shape, screen=screen, up=up)
                pictures = list(cine.pictures)
                scan = Scan("x", "", frames, cine.height, cine.width, lambda: iter(()))
                start = time.perf_counter()
                try:
                    fans = geometry(scan, pictures)
                except Reject:
                    continue
                took.append((time.perf_counter() - start) * 1000)
                truth = cine.fans[0].mask(cine.height, cine.width)
                mask = np.logical_or.reduce([f.mask(cine.height, cine.width) for f in fans])
                overlap = float((truth & mask).sum() / (truth | mask).sum())
                overlaps.append(overlap)
                if all(fan.verdict is Verdict.ACCEPT for fan in fans):
                    accepted.append(overlap)
            print(
                f"{shape.value:12}{frames:7}{len(overlaps):5} of {each}"
                f"{np.mean(overlaps or [0]):8.3f}{min(overlaps, default=0):8.3f}"
                f"{len(accepted):10}{min(accepted, default=0):8.3f}{np.median(took or [0]):5.0f}"
            )


if __name__ == "__main__":
    main()

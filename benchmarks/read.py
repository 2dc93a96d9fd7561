"""Reading a 60-frame 640 x 480 JPEG cine, beside its limit and the usual way, in one run.

CPU time of one core. Limit: entropy decoding and nothing else that could be left out: raw
fragments to simplejpeg, luma only. Usual way: pydicom's ``pixel_array``, with what plugins this
environment has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO

import simplejpeg
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames

from echoatlas.pipeline.read import read
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.pictures.scans import make_cine

FRAMES = 60
ROUNDS = 5


def main() -> None:
    """Print milliseconds a frame and ratios to the limit, the best of several rounds."""
    cine = make_cine(1, frames=FRAMES, size=(640, 480), color=True)
    data = write_dicom(cine, "1.2.840.10008.1.2.4.50", "YBR_FULL_422")
    header = dcmread(BytesIO(data))
    fragments = list(generate_frames(header.PixelData, number_of_frames=FRAMES))
    ways: dict[str, Callable[[], object]] = {
        "limit: luma of raw fragments": lambda: sum(
            simplejpeg.decode_jpeg(one, "GRAY").size for one in fragments
        ),
        "simplejpeg RGB of raw fragments": lambda: sum(
            simplejpeg.decode_jpeg(one, "RGB").size for one in fragments
        ),
        "ours: bytes to pictures": lambda: sum(1 for _ in read(data).frames()),
        "ours: opening alone": lambda: read(data),
        "Pillow on raw fragments": lambda: [Image.open(BytesIO(one)).load() for one in fragments],
        "pydicom pixel_array": lambda: dcmread(BytesIO(data)).pixel_array,
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - start)
    limit = best["limit: luma of raw fragments"]
    print(f"{FRAMES} frames of 640 x 480, {len(data) / FRAMES / 1024:.0f} kB a frame")
    for name, seconds in best.items():
        print(f"{name:34} {seconds / FRAMES * 1000:8.3f} ms/frame {seconds / limit:7.2f} x limit")


if __name__ == "__main__":
    main()

"""Reading a 60-frame 640 x 480 JPEG cine, beside its limit and the usual way, in one run.

CPU time of one core. Limit: entropy decoding and nothing else that could be left out: raw
fragments to simplejpeg, luma only. Usual way: pydicom's ``pixel_array``, with what plugins this
environment has.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import simplejpeg
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames

from benchmarks.harness import few, in_turn, report, seeded
from echoatlas.pipeline.read import read
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.pictures.scans import make_cine

FRAMES, ROUNDS = few((60, 5), (12, 1))
LIMIT = "limit: luma of raw fragments"
SEED = 1


def main() -> None:
    """Tell milliseconds a frame and ratios to the limit, the best of several rounds."""
    seeded("read", cine=SEED)
    cine = make_cine(SEED, frames=FRAMES, size=(640, 480), color=True)
    data = write_dicom(cine, "1.2.840.10008.1.2.4.50", "YBR_FULL_422")
    header = dcmread(BytesIO(data))
    fragments = list(generate_frames(header.PixelData, number_of_frames=FRAMES))
    ways: dict[str, Callable[[], object]] = {
        LIMIT: lambda: sum(simplejpeg.decode_jpeg(one, "GRAY").size for one in fragments),
        "simplejpeg RGB of raw fragments": lambda: sum(
            simplejpeg.decode_jpeg(one, "RGB").size for one in fragments
        ),
        "ours: bytes to pictures": lambda: sum(1 for _ in read(data).frames()),
        "ours: opening alone": lambda: read(data),
        "Pillow on raw fragments": lambda: [Image.open(BytesIO(one)).load() for one in fragments],
        "pydicom pixel_array": lambda: dcmread(BytesIO(data)).pixel_array,
    }
    best = {name: min(seconds) for name, seconds in in_turn(ways, ROUNDS).items()}
    report("read", "cine", frames=FRAMES, a_frame_kb=len(data) / FRAMES / 1024)
    for name, seconds in best.items():
        report(
            "read",
            name,
            a_frame_ms=1000 * seconds / FRAMES,
            times_limit=seconds / best[LIMIT],
        )


if __name__ == "__main__":
    main()

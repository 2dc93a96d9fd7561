"""Where the time of one frame goes, beside decoding alone and beside what people glue together.

A 640 x 480 JPEG cine with a convex fan, one core, the three ways in turn in one run; the fastest
of several passes counts. Text detection is measured in ``burned_text``.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable

import cv2
import imagehash
import numpy as np
import pydicom
import simplejpeg
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit
from skimage import filters, transform
from skimage import measure as skimage_measure

from echoatlas.pipeline.codec import encode
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.measure import measure
from echoatlas.pipeline.normalize import normalize
from echoatlas.pipeline.simulate.scans import make_cine
from echoatlas.schemas.records import Normalized, Redaction, Scan

FRAMES = 60
PASSES = 3


def best(work: Callable[[], object], passes: int = PASSES) -> float:
    """The shortest of several runs, in milliseconds a frame."""
    shortest = float("inf")
    for _ in range(passes):
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1000 / FRAMES


def glued(data: bytes) -> None:
    """The usual way: pixel_array, scikit-image, imagehash, PIL."""
    pictures = pydicom.dcmread(io.BytesIO(data)).pixel_array
    for picture in pictures:
        gray = np.asarray(Image.fromarray(picture).convert("L"))
        skimage_measure.shannon_entropy(gray)
        filters.laplace(gray).var()
        small = transform.resize(gray, (256, 192), anti_aliasing=True)
        stored = Image.fromarray((small * 255).astype(np.uint8))
        imagehash.phash(stored)
        imagehash.phash(stored, hash_size=16)
        stored.save(io.BytesIO(), "png")


def as_dicom(jpegs: list[bytes]) -> bytes:
    """The JPEG frames as a multi-frame DICOM file."""
    header = pydicom.Dataset()
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    header.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    header.Rows, header.Columns, header.NumberOfFrames = 480, 640, len(jpegs)
    header.SamplesPerPixel, header.PlanarConfiguration = 3, 0
    header.PhotometricInterpretation = "YBR_FULL_422"
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.PixelData = encapsulate(jpegs)
    header["PixelData"].VR = "OB"
    out = io.BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()


def main() -> None:
    """Print milliseconds a frame by step, and the ratios to decoding and to the glued stack."""
    cv2.setNumThreads(1)
    if os.environ.get("OMP_NUM_THREADS") != "1":  # numpy read it when it was imported
        print("set OMP_NUM_THREADS=1, as the engine does for its workers: small products starve")
    cine = make_cine(5, frames=FRAMES, size=(640, 480), color=True)
    jpegs = [simplejpeg.encode_jpeg(np.ascontiguousarray(p), quality=85) for p in cine.pictures]
    pictures = [simplejpeg.decode_jpeg(jpeg) for jpeg in jpegs]
    scan = Scan("jpeg", "jpeg", FRAMES, 480, 640, lambda: iter(pictures))
    spread = pictures[:: FRAMES // GeometryConfig().pictures][: GeometryConfig().pictures]
    (fan,) = geometry(scan, spread)
    redaction = Redaction(fan.mask(480, 640))
    frames = [normalize(picture, fan, redaction) for picture in pictures]

    def measured() -> None:
        previous: Normalized | None = None
        for frame in frames:
            measure(frame, previous)
            previous = frame

    steps = {
        "decode": best(lambda: [simplejpeg.decode_jpeg(jpeg) for jpeg in jpegs]),
        "fan, once a clip": best(lambda: geometry(scan, spread)),
        "normalize": best(lambda: [normalize(p, fan, redaction) for p in pictures]),
        "measure": best(measured),
        "encode": best(lambda: [encode(frame.pixels) for frame in frames]),
    }
    total = sum(steps.values())
    data = as_dicom(jpegs)
    usual = best(lambda: glued(data), 1)
    for name, took in steps.items():
        print(f"{name:18}{took:8.2f} ms {took / total:6.0%}")
    print(f"{'whole path':18}{total:8.2f} ms   {total / steps['decode']:.1f} x decoding alone")
    print(f"{'glued stack':18}{usual:8.2f} ms   {usual / total:.1f} x the whole path")


if __name__ == "__main__":
    main()

"""Pixels of a rebuilt DICOM instance: native, JPEG redacted by blocks, H.264, or JPEG-LS.

Whatever a picture was coded as, only its displayed samples are written, eight bits each: no
overlay in unused bits, no palette, icon, excess byte, comment or application segment survives.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items

from echoatlas.pipeline.deidentify.header.policy import CLEAN_PIXELS, METHODS
from echoatlas.pipeline.deidentify.header.rebuild import code_item, part10, point_to_times
from echoatlas.pipeline.deidentify_tool.containers import jpeg, video
from echoatlas.pipeline.deidentify_tool.containers.volumes import step_of
from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.codecs import restored
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom import fragments
from echoatlas.pipeline.read.dicom.encapsulated import extended
from echoatlas.pipeline.read.dicom.frame_times import frame_times
from echoatlas.pipeline.read.dicom.grays import read_grays
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.dicom.pixel_data import read_layout
from echoatlas.pipeline.read.dicom.transfer_syntaxes import BY_KEYWORD, transfer_syntax
from echoatlas.pipeline.read.dicom.values import each

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from echoatlas.schemas.records import Picture, Scan

EXPLICIT, JPEG_BASELINE, JPEG_LS, H264 = (
    BY_KEYWORD[keyword].uid
    for keyword in ("ExplicitVRLittleEndian", "JPEGBaseline8Bit", "JPEGLSLossless", "MPEG4HP41")
)
IN_THE_OPEN = ("native", "uncompressed", "deflated")  # written so again
RIM = 4  # pixels from the mask's edge without color: half-resolution chroma would cross it
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
WHOLE = {"WindowCenter": "128", "WindowWidth": "256"}  # 8 bits as they are (PS3.3 C.11.2.1.2.1)
# How samples were shown before; they are written as shown.
DISPLAY = [
    "WindowCenter",
    "WindowWidth",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PixelPaddingValue",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "PresentationLUTShape",
    "VOILUTFunction",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
]


def instance(
    header: Dataset,
    scan: Scan,
    data: bytes,
    pictures: Iterable[Picture],
    keep: NDArray[np.bool_],
) -> tuple[bytes, str, NDArray[np.uint8]]:
    """Write a rebuilt header with redacted pixels.

    Args:
        header: as ``rebuild`` made it.
        data: the source file; its JPEG frames are redacted as they are where that is possible.
        pictures: redacted, as displayed, equally sized, all gray or all in color; each iteration
            starts from the first.
        keep: (H, W) bool, true where pixels may leave.

    Returns:
        The file, how its pixels were written ("native", "dct", "video" or "lossless"), and where
        they show what they did, as ``written_mask`` says it.
    """
    pale = np.zeros_like(keep)
    source = transfer_syntax(scan.codec)
    frames = _redacted_frames(scan, data, keep)
    if frames is not None:
        how, syntax, count = "dct", JPEG_BASELINE, len(frames)
        gray, half = jpeg.colors(frames[0].data)
        color = "MONOCHROME2" if gray else "YBR_FULL_422" if half else "YBR_FULL"
        _encapsulate(header, [frame.data for frame in frames])
        keep = np.logical_and.reduce([frame.left for frame in frames])
        pale = np.any([frame.gray for frame in frames], axis=0)
    elif source.video and video.fits_high_41(scan.height, scan.width, scan.times):
        how, syntax, color = "video", H264, "YBR_PARTIAL_420"
        numbers = itertools.count()
        numbered = zip(_gray_rim(pictures, keep), numbers, strict=False)
        shown = (picture for picture, _ in numbered)
        # One stream of all frames: a table would list one (PS3.5 A.4 wants none, or all of them).
        _encapsulate(header, [video.mp4(shown, scan.times, video.HIGH_41)], table=False)
        count = next(numbers)
        if next(iter(pictures)).ndim == 3:
            pale = _rim(keep)
    else:
        color = "MONOCHROME2" if next(iter(pictures)).ndim == 2 else "RGB"
        if source.codec in IN_THE_OPEN:
            how, syntax = "native", EXPLICIT
            parts = [np.ascontiguousarray(one).tobytes() for one in pictures]
            raw = b"".join(parts)
            header.PixelData = raw + b"\0" * (len(raw) % 2)
            header["PixelData"].VR = "OB"
        else:
            how, syntax = "lossless", JPEG_LS
            parts = [bytes(imagecodecs.jpegls_encode(one)) for one in pictures]
            _encapsulate(header, parts)
        count = len(parts)
    _describe(header, scan, count, color)
    header.BurnedInAnnotation = "NO"
    _sign(header)
    return part10(header, syntax), how, written_mask(keep, pale)


def written_mask(keep: NDArray[np.bool_], gray: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What a mask beside a file says: 255 where pixels show what they did, 128 where they show how
    bright they were and no color any more, 0 where they are black.

    Args:
        keep, gray: (H, W) bool.
    """
    return np.where(keep, np.where(gray, np.uint8(128), np.uint8(255)), np.uint8(0))


def _encapsulate(header: Dataset, parts: list[bytes], *, table: bool = True) -> None:
    header.PixelData = encapsulate(parts, has_bot=table)
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True


def _gray_rim(pictures: Iterable[Picture], keep: NDArray[np.bool_]) -> Iterator[Picture]:
    """Pictures whose color ends ``RIM`` pixels before the mask does."""
    rim = _rim(keep)
    for picture in pictures:
        if picture.ndim == 3:
            picture[rim] = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[rim][:, None]
        yield picture


def _rim(keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    window = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inner = cv2.erode(keep.astype(np.uint8), window, borderValue=0)
    return np.asarray(keep & (inner == 0))


def _redacted_frames(
    scan: Scan, data: bytes, keep: NDArray[np.bool_]
) -> list[jpeg.Redacted] | None:
    """Every frame redacted in the DCT domain, where frames are JPEG, or JPEG XL made of it."""
    source = transfer_syntax(scan.codec)
    within = source.codec in ("jpeg", "jpegxl") and source.lossy
    if not within or scan.color.startswith(("rgb", "palette")):
        return None
    opened = open_dicom(data, ReadConfig())
    if opened.pixels is None or not _as_stored(opened.header):
        return None
    pieces = fragments.split(opened.pixels)
    frames, _ = fragments.group(pieces, scan.declared_frames, extended(opened.header))
    clean: list[jpeg.Redacted] = []
    mask = jpeg.Mask.of(keep)
    for frame in frames:
        stream = fragments.join(frame)
        plain = bytes(stream) if source.codec == "jpeg" else restored(stream)
        done = jpeg.redacted(plain, mask) if plain is not None else None
        if done is None:
            return None
        clean.append(done)
    return clean


def _as_stored(header: Dataset) -> bool:
    """Whether samples mean what they would in the header that is written: zero is black."""
    layout = read_layout(header, ReadConfig())
    grays = read_grays(header, layout, little=True)
    return not layout.signed and (layout.components != 1 or grays.as_stored)


def _describe(header: Dataset, scan: Scan, frames: int, color: str) -> None:
    """Make the image pixel attributes say what is written (PS3.3 C.7.6.3, C.7.6.1.1.5)."""
    for keyword in DISPLAY:
        if keyword in header:
            delattr(header, keyword)
    _show_whole(header, color)
    header.Rows, header.Columns = scan.height, scan.width
    header.SamplesPerPixel = 1 if color == "MONOCHROME2" else 3
    header.PhotometricInterpretation = color
    if color != "MONOCHROME2":
        header.PlanarConfiguration = 0
    elif "PlanarConfiguration" in header:
        del header.PlanarConfiguration
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    if frames > 1 or "NumberOfFrames" in header:
        header.NumberOfFrames = frames
    if len(each(header.get("FrameTimeVector"))) not in (0, frames):
        del header.FrameTimeVector
    _tell_times(header, scan, frames)
    point_to_times(header)
    enhanced = "SharedFunctionalGroupsSequence" in header
    if enhanced and color == "MONOCHROME2":
        header.PresentationLUTShape = "IDENTITY"  # type 1 of the enhanced classes
        header.RescaleIntercept, header.RescaleSlope = "0", "1"
    if str(header.SOPClassUID).startswith(f"{CAPTURE}."):
        _capture(header, color)
    if transfer_syntax(scan.codec).lossy:
        header.LossyImageCompression = "01"
    if not enhanced:  # of which a derived image has to name its source, and frames their own kind
        kind = list(header.get("ImageType") or ["", "PRIMARY"])
        header.ImageType = ["DERIVED", *kind[1:]]


def _tell_times(header: Dataset, scan: Scan, frames: int) -> None:
    """Say when frames were taken, where only the source's stream did (PS3.3 C.7.6.5)."""
    times = scan.times
    if times is None or len(times) != frames or frame_times(header, frames) is not None:
        return
    if step := step_of(times):
        header.FrameTime = step
    else:
        header.FrameTimeVector = [since(float(one)) for one in np.diff(times, prepend=times[0])]


def _show_whole(header: Dataset, color: str) -> None:
    """Have the windows of frames show all of 8 bits: what they showed before is written."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for item in header.get(groups) or []:
            for view in item.get("FrameVOILUTSequence") or []:
                view.clear()
                view.update(WHOLE)
            if color != "MONOCHROME2" and "FrameVOILUTSequence" in item:
                del item.FrameVOILUTSequence


def _sign(header: Dataset) -> None:
    """Record that the pixels were cleaned."""
    done: Sequence[Dataset] = header.get("DeidentificationMethodCodeSequence") or []
    header.DeidentificationMethodCodeSequence = Items(
        [*done, code_item(CLEAN_PIXELS, "DCM", METHODS[CLEAN_PIXELS])]
    )


def _capture(header: Dataset, color: str) -> None:
    """A multi-frame secondary capture is of the class that its samples say (PS3.3 A.8)."""
    header.SOPClassUID = f"{CAPTURE}.2" if color == "MONOCHROME2" else f"{CAPTURE}.4"
    if color == "MONOCHROME2":
        header.PresentationLUTShape = "IDENTITY"
        header.RescaleIntercept, header.RescaleSlope, header.RescaleType = "0", "1", "US"

"""What an object says in words, without its pixels: for reading label evidence anew."""

from __future__ import annotations

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.dicom.regions import ultrasound_regions
from echoatlas.pipeline.read.image import jpeg_text, picture_text
from echoatlas.pipeline.read.sniff import PICTURES, VIDEOS, sniff
from echoatlas.schemas.records import Scan, UltrasoundRegion

HEAD = 1 << 18  # bytes: what nearly all DICOM headers fit in


def read_words(data: bytes, config: ReadConfig) -> Scan:
    """Open an object that ``read`` accepts, for its words alone.

    Args:
        data: the whole object, or a DICOM file up to its pixels.

    Returns:
        A scan without frames; ``header``, ``regions`` and ``text`` are those that ``read`` gives.

    Raises:
        Reject: ``unreadable``, ``too_deep``, ``too_large``.
    """
    kind = sniff(data)
    header, text = None, dict[str, str]()
    regions: tuple[UltrasoundRegion, ...] = ()
    if kind == "dicom":
        header = open_dicom(data, config).header
        regions = ultrasound_regions(header)
    elif kind == "jpeg":
        text = jpeg_text(data, config)
    elif kind in PICTURES:
        text = picture_text(data, kind, config)
    elif kind in VIDEOS:
        from echoatlas.pipeline.read.video import video_text  # loads FFmpeg, which few need

        text = video_text(data, config)
    nothing = (0, 0, 0)
    return Scan(
        kind or "", "", *nothing, lambda: iter(()), regions=regions, header=header, text=text
    )


def is_whole_header(head: bytes, config: ReadConfig) -> bool:
    """Whether the first bytes of an object are a DICOM file at least up to its pixels."""
    if sniff(head) != "dicom":
        return False
    try:
        return open_dicom(head, config).pixels is not None
    except Reject:
        return False

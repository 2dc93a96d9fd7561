"""Read: bytes to a scan, in every format that ultrasound comes in, told by content."""

from __future__ import annotations

from collections.abc import Callable

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom import read_dicom
from echoatlas.pipeline.read.sniff import sniff
from echoatlas.pipeline.read.still import read_gif, read_jpeg, read_picture, read_png
from echoatlas.pipeline.read.video import read_video
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import Scan

__all__ = ["ReadConfig", "read"]

DEFAULT = ReadConfig()
ARCHIVES = frozenset({"zip", "gzip", "bzip2", "xz", "tar", "7z", "rar"})
VIDEOS = frozenset({"mp4", "mov", "avi", "mpeg", "mkv", "asf", "flv"})
READERS: dict[str, Callable[[bytes, ReadConfig], Scan]] = {
    "dicom": read_dicom,
    "png": read_png,
    "jpeg": read_jpeg,
    "gif": read_gif,
    "bmp": lambda data, config: read_picture(data, "bmp", config),
    "tiff": lambda data, config: read_picture(data, "tiff", config),
    "webp": lambda data, config: read_picture(data, "webp", config),
}


@step("read", version=1)
def read(data: bytes, config: ReadConfig = DEFAULT) -> Scan:
    """Open one object, whatever it is called.

    The header is parsed and, for coded pictures, the first frame decoded; the rest is decoded
    when ``Scan.frames`` is iterated, one picture at a time.

    Returns:
        A scan. What was odd but tolerable is in its ``flags``; what turns out while decoding
        is in its ``damage``.

    Raises:
        Reject: ``empty``, ``unsupported_format``, ``unreadable``, ``truncated``,
            ``not_ultrasound``, ``no_pixels``, ``unsupported_codec``, ``too_large``, ``too_deep``,
            ``frame_mismatch``, ``unsafe_archive``.
    """
    if not data:
        raise Reject(Reason.EMPTY)
    kind = sniff(data)
    if kind in READERS:
        return READERS[kind](data, config)
    if kind in VIDEOS:
        return read_video(data, kind, config)
    if kind in ARCHIVES:
        raise Reject(Reason.UNSUPPORTED_FORMAT, "an archive is opened by ingest, not read")
    raise Reject(Reason.UNSUPPORTED_FORMAT)

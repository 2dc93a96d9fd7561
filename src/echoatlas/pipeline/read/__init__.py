"""Read: bytes to a scan, in every format that ultrasound comes in, told by content."""

from __future__ import annotations

from collections.abc import Callable

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.pipeline.read.arrays.matrix import read_hdf5, read_mat, read_npy
from echoatlas.pipeline.read.arrays.numpy_archive import read_npz
from echoatlas.pipeline.read.arrays.ultrasonix import read_ultrasonix
from echoatlas.pipeline.read.arrays.volume import read_meta, read_nifti, read_nrrd
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.reader import read_dicom
from echoatlas.pipeline.read.dicom.structured_report import read_report
from echoatlas.pipeline.read.image import read_jpeg, read_picture
from echoatlas.pipeline.read.metadata import read_words
from echoatlas.pipeline.read.sniff import PICTURES, VIDEOS, sniff
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import Scan

__all__ = ["ReadConfig", "read", "read_report", "read_words"]

DEFAULT = ReadConfig()
READERS: dict[str, Callable[[bytes, ReadConfig], Scan]] = {
    "dicom": read_dicom,
    "jpeg": read_jpeg,
    "nifti": read_nifti,
    "gzip": read_nifti,
    "mha": read_meta,
    "nrrd": read_nrrd,
    "hdf5": read_hdf5,
    "mat": read_mat,
    "npy": read_npy,
    "zip": read_npz,
    "ultrasonix": read_ultrasonix,
}


@step("read", version=22)
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
            ``frame_mismatch``, ``unsafe_archive``, ``not_an_image``, ``ambiguous``,
            ``axes_unclear``.
    """
    if not data:
        raise Reject(Reason.EMPTY)
    if is_archive(data):
        for _, content in opened(data):
            content()  # says what is wrong with it
        raise Reject(Reason.UNSUPPORTED_FORMAT, "an archive is opened by ingest, not read")
    kind = sniff(data)
    if kind in READERS:
        return READERS[kind](data, config)
    if kind in PICTURES:
        return read_picture(data, kind, config)
    if kind in VIDEOS:
        from echoatlas.pipeline.read.video import read_video  # loads FFmpeg, which few need

        return read_video(data, kind, config)
    if kind == "analyze":
        raise Reject(
            Reason.UNSUPPORTED_FORMAT,
            "Analyze 7.5 does not say which way its axes run: save the volume as NIfTI",
        )
    raise Reject(Reason.UNSUPPORTED_FORMAT)

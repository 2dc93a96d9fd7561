"""What the reader accepts, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import setting
from echoatlas.schemas.records import Lay


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """Settings and bounds of ``read``: whatever the bytes claim, no more than this is done.

    Attributes:
        partial: keep the good frames of a damaged clip; if not, damage is a reject.
        max_pixels: of one picture.
        max_frames: of one clip.
        max_lost: damaged frames of one clip, with ``partial``; then it is given up.
        max_total_pixels: of all pictures of a clip together: bounds the time.
        max_inflated: of anything that has to be decompressed as a whole.
        max_elements: of a DICOM header, all levels together.
        max_depth: of nested DICOM sequences.
        max_text: of one metadata string of a loose file.
        masks: the file is known to be a mask, so that what is like one is wanted, not refused.
        numbers: a palette's colors only tell the numbers of structures apart, which are wanted.
        like: make an array into pictures as another one was; of masks, which show nothing by which
            they could be laid out.
    """

    partial: bool = False
    max_pixels: int = setting(1 << 24, 4096, 1 << 30, "pixels")
    max_frames: int = setting(50_000, 1, 10_000_000, "frames")
    max_lost: int = setting(100, 0, 1_000_000, "frames")
    max_total_pixels: int = setting(20_000_000_000, 4096, 10**14, "pixels")
    max_inflated: int = setting(1 << 29, 1 << 20, 1 << 40, "bytes")
    max_elements: int = setting(200_000, 1000, 100_000_000, "elements")
    max_depth: int = setting(32, 1, 256, "levels")
    max_text: int = setting(1 << 14, 16, 1 << 24, "characters")
    masks: bool = False
    numbers: bool = False
    like: Lay | None = None


def check_size(height: int, width: int, frames: int, config: ReadConfig) -> None:
    """Refuse what is beyond the bounds, before anything is allocated.

    What is claimed is not told: it may be a number of another kind, a patient's.

    Raises:
        Reject: ``too_large``.
    """
    if height * width > config.max_pixels:
        raise Reject(Reason.TOO_LARGE, f"a picture claims more than {config.max_pixels} pixels")
    if frames > config.max_frames or frames * height * width > config.max_total_pixels:
        raise Reject(Reason.TOO_LARGE, "the clip claims more frames than are accepted")

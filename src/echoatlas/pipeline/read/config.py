"""What the reader accepts, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.schemas.records import Lay


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """Settings and bounds of ``read``: whatever the bytes claim, no more than this is done.

    Attributes:
        partial: keep the good frames of a damaged clip; if not, damage is a reject.
        max_pixels: of one picture, pixels.
        max_frames: of one clip.
        max_lost: damaged frames of one clip, with ``partial``; then it is given up.
        max_total_pixels: of all pictures of a clip together, pixels: bounds the time.
        max_inflated: of anything that has to be decompressed as a whole, bytes.
        max_elements: of a DICOM header, all levels together.
        max_depth: of nested DICOM sequences.
        max_text: of one metadata string of a loose file, characters.
        masks: the file is known to be a mask, so that what is like one is wanted, not refused.
        like: make an array into pictures as another one was; of masks, which show nothing by which
            they could be laid out.
    """

    partial: bool = False
    max_pixels: int = 1 << 24
    max_frames: int = 50_000
    max_lost: int = 100
    max_total_pixels: int = 20_000_000_000
    max_inflated: int = 1 << 29
    max_elements: int = 200_000
    max_depth: int = 32
    max_text: int = 1 << 14
    masks: bool = False
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

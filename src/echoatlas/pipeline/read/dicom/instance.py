"""What the pixels of all DICOM files have in common, wherever and however they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.codecs import CODEC_ERRORS
from echoatlas.pipeline.read.config import check_size
from echoatlas.pipeline.read.dicom.frame_times import frame_times
from echoatlas.pipeline.read.dicom.regions import (
    pixel_aspect,
    pixel_spacing,
    ultrasound_regions,
)
from echoatlas.pipeline.read.frame_stream import each, one
from echoatlas.schemas.records import Damage, Scan
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.read.config import ReadConfig
    from echoatlas.pipeline.read.dicom.header import Opened
    from echoatlas.pipeline.read.dicom.pixel_data import Layout
    from echoatlas.schemas.records import Picture

RECOUNTED = (
    "frames_recounted"  # the header's number was too small, and the pixels told the right one
)


def scan_of(
    opened: Opened,
    syntax: str,
    decoder: Callable[[int], Picture],
    count: int,
    size: tuple[int, int],
    code: str,
    flags: Iterable[str],
    config: ReadConfig,
) -> Scan:
    """A scan of frames that can be decoded one by one.

    Args:
        syntax: UID of the transfer syntax that the pixels are really in.
        decoder: gives the picture of an index.
        code: how the color was decided.
    """
    damage = Damage()
    regions, spacing = ultrasound_regions(opened.header), pixel_spacing(opened.header)
    return Scan(
        format="dicom",
        codec=syntax,
        declared_frames=count,
        height=size[0],
        width=size[1],
        frames=lambda: each(decoder, count, size, CODEC_ERRORS, damage, config),
        color=code,
        times=frame_times(opened.header, count),
        regions=regions,
        spacing=spacing,
        header=opened.header,
        flags=(*opened.flags, *flags, *pixel_aspect(opened.header, regions, spacing)),
        damage=damage,
        single=lambda index: one(decoder, index, size, CODEC_ERRORS),
    )


def count_told(
    there: int, layout: Layout, flags: list[str], sound: Callable[[], bool], config: ReadConfig
) -> None:
    """Settle how many frames there are, where header and pixels disagree.

    A header that says less than there is was not counted, as many leave out the number or write 1;
    if every frame is one, all are taken. More than there is means that some were lost.

    Args:
        there: frames found. flags: are added to.
        sound: whether every frame found is one.

    Raises:
        Reject: ``truncated``, ``frame_mismatch``; with ``config.partial`` only if there is none.
    """
    if there > layout.frames:
        check_size(layout.height, layout.width, there, config)
    if there > layout.frames and "early_end" not in flags and sound():
        flags.append(RECOUNTED)
    elif there > layout.frames or (there < layout.frames and "early_end" not in flags):
        flags.append("frame_mismatch")
    refuse_unless_partial(flags, there, layout.frames, config)


def refuse_unless_partial(flags: list[str], there: int, declared: int, config: ReadConfig) -> None:
    """Damage that is known before decoding: tolerated only if the site says so."""
    detail = f"the header says {number_of(declared, 'frame')}, the file holds {there}"
    if not there:
        raise Reject(Reason.TRUNCATED, detail)
    if config.partial:
        return
    if "early_end" in flags:
        raise Reject(Reason.TRUNCATED, detail)
    if "frame_mismatch" in flags:
        raise Reject(Reason.FRAME_MISMATCH, detail)


def decodable(
    decoder: Callable[[int], NDArray[Any]], count: int
) -> Callable[[], Iterator[NDArray[Any]]]:
    """The samples of all frames that can be decoded, as often as they are asked for."""

    def samples() -> Iterator[NDArray[Any]]:
        for index in range(count):
            with suppress(*CODEC_ERRORS, Reject):
                yield decoder(index)

    return samples


def significant(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Samples without the bits beyond BitsStored, where overlays used to be hidden.

    HighBit is believed where nothing is below the samples: others write it wrongly.
    """
    samples = with_sign(samples, layout)
    spare = layout.allocated - layout.stored
    if layout.above and not (samples & ((1 << layout.above) - 1)).any():
        samples = samples >> layout.above
    if not spare:
        return samples
    if layout.signed:
        return (samples << spare) >> spare
    return samples & ((1 << layout.stored) - 1)


def with_sign(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Samples of two's complement that a codec without signs gave as if they had none."""
    if not layout.signed or samples.dtype.kind != "u":
        return samples
    size = samples.dtype.itemsize
    spare = max(size * 8 - layout.stored, 0)
    return np.asarray((samples << spare).view(f"i{size}") >> spare)


def stated_color(layout: Layout) -> str:
    """How color is decided by the header alone, a code."""
    if layout.photometric == "PALETTE COLOR" and layout.components == 1:
        return "palette"
    if layout.components == 1:
        return "gray"
    return "ycc:stated" if layout.photometric.startswith("YBR") else "rgb:stated"

"""Video: containers and bare streams, by PyAV, one picture at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av.error
import numpy as np
from av.codec.context import Flags
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.aperture import WHOLE
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.pipeline.read.demux import Facts, demux, open_video, stamp_of, tags
from echoatlas.pipeline.read.turns import oriented, sideways
from echoatlas.schemas.records import Damage, Scan
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

FILE_ERRORS = (av.error.FFmpegError, ValueError, EOFError, IndexError)
SMOOTH = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Else FFmpeg leaves columns that a stream cuts off at its left, to keep addresses even.
UNALIGNED = int(Flags.unaligned)
# By whether rows become columns, and columns and rows are then mirrored: as ``oriented`` does it
TURNS = {one: turn for turn, one in enumerate(
    ((False, False, False), (False, True, False), (False, True, True), (False, False, True),
     (True, False, False), (True, True, False), (True, True, True), (True, False, True)), 1
)}  # fmt: skip
BT709, FULL_RANGE = 1, 2  # H.273 matrix coefficients; FFmpeg's AVCOL_RANGE_JPEG
# FFmpeg's names of 16 bits a sample, in which fewer may lie
DEEP = re.compile(r"(gray|ya|rgb|bgr|rgba|bgra|gbrp|gbrap)(16|48|64)[lb]e")


@dataclass(slots=True)
class _Seen:
    """What the first decoding of a clip tells.

    Attributes:
        bits: that hold the brightest sample of a clip of 16 bits; 0 as long as nobody asked.
        turn: how pictures are turned to be shown, as of ``Scan``.
    """

    bits: int = 0
    turn: int = 1


def read_video(data: bytes, kind: str, config: ReadConfig) -> Scan:
    """Open a video; nothing is decoded but the first picture.

    What comes before the first random access point, or is shown before it and refers to what was
    cut off, is left out and flagged (``late_start``); the others keep their numbers and times.

    Args:
        data: a container (MP4, MOV, AVI, MPEG PS and TS, MKV) or a bare MPEG-2, MPEG-4, H.264 or
            HEVC stream.

    Raises:
        Reject: ``unreadable``, ``no_pixels`` without a video stream, ``unsupported_format`` with
            several, ``too_large``, ``truncated``.
    """
    try:
        facts = demux(data, config)
    except FILE_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the video cannot be opened ({type(error).__name__})"
        ) from None
    damage, seen = Damage(), _Seen()
    first = next(_pictures(data, facts, Damage(), config, seen), None)
    if first is None:
        raise Reject(Reason.UNREADABLE, "no picture of the video can be decoded")
    picture, color = first
    return Scan(
        format=kind,
        codec=facts.codec,
        declared_frames=facts.frames,
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: (one for one, _ in _pictures(data, facts, damage, config, seen)),
        color=color,
        times=facts.times,
        text=facts.text,
        flags=facts.flags,
        damage=damage,
        codestream=facts.codestream if seen.turn == 1 and facts.crop == WHOLE else "",
        aspect=facts.aspect[::-1] if sideways(seen.turn) else facts.aspect,
        turn=seen.turn,
    )


def video_text(data: bytes, config: ReadConfig) -> dict[str, str]:
    """The tags of a video, as ``read_video`` finds them; nothing is demuxed.

    Raises:
        Reject: ``unreadable``.
    """
    try:
        with open_video(data) as container:
            return tags(container, config)
    except FILE_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the video cannot be opened ({type(error).__name__})"
        ) from None


def _pictures(
    data: bytes, facts: Facts, damage: Damage, config: ReadConfig, seen: _Seen
) -> Iterator[tuple[Picture, str]]:
    """Decode from the start: each picture, and how its color was decided."""
    reformatter = VideoReformatter()
    frames, count, late = facts.frames, 0, 0
    size: tuple[int, int] | None = None
    try:
        for number, frame in enumerate(_decoded(data, facts, damage, config)):
            if not number:
                late = facts.before(stamp_of(frame))
                for index in range(late):
                    damage.lose(index, "late_start")
            check_size(frame.height, frame.width, late + count + 1, config)
            seen.turn = _turn(frame)
            if DEEP.fullmatch(frame.format.name):
                seen.bits = seen.bits or _bits(data, facts, config)
                picture, color = _shifted(frame, seen.bits)
            else:
                picture, color = _to_rgb(frame, reformatter)
            picture = np.ascontiguousarray(oriented(facts.crop.of(picture), seen.turn))
            if size is not None and picture.shape[:2] != size:
                raise Reject(Reason.UNREADABLE, "frames differ in size")
            size = picture.shape[0], picture.shape[1]
            for _ in range(facts.shown[number] if number < len(facts.shown) else 1):
                count += 1
                yield picture, color
    except FILE_ERRORS as error:
        if not config.partial:
            raise Reject(
                Reason.UNREADABLE,
                f"frame {late + count + 1} of {frames} cannot be decoded ({type(error).__name__})",
            ) from None
        damage.flags.add("decode_error")
    if late + count != frames:
        damage.flags.add("frame_mismatch")
        if not config.partial and late + count < frames:
            raise Reject(
                Reason.FRAME_MISMATCH,
                f"the stream announces {number_of(frames, 'frame')}, {late + count} came out",
            )


def _bits(data: bytes, facts: Facts, config: ReadConfig) -> int:
    """The fewest bits that hold the largest sample of all frames, as gray of other formats is
    scaled; at least 8.
    """
    return max(
        int(_samples(frame)[0].max()).bit_length()
        for frame in _decoded(data, facts, Damage(), config)
    )


def _samples(frame: Any) -> tuple[NDArray[np.uint16], bool]:
    """(H, W) or (H, W, 3), and whether they are gray."""
    gray = frame.format.name.startswith(("gray", "ya"))
    return frame.to_ndarray(format="gray16le" if gray else "rgb48le"), gray


def _shifted(frame: Any, bits: int) -> tuple[Picture, str]:
    samples, gray = _samples(frame)
    picture = (samples >> max(bits - 8, 0)).astype(np.uint8)
    return picture, "gray" if gray else "rgb:codestream"


def _decoded(data: bytes, facts: Facts, damage: Damage, config: ReadConfig) -> Iterator[Any]:
    with open_video(data) as container:
        stream = container.streams[facts.track]
        stream.thread_type = "NONE"
        stream.codec_context.flags |= UNALIGNED
        stream.codec_context.options = {"err_detect": "explode"} if not config.partial else {}
        for packet, may_fail in _packets(container, stream, facts):
            try:
                found = packet.decode()
            except FILE_ERRORS:
                if may_fail:
                    continue
                if not config.partial:
                    raise
                damage.flags.add("decode_error")
                continue
            yield from found


def _packets(container: Any, stream: Any, facts: Facts) -> Iterator[tuple[Any, bool]]:
    """Packets from the first random access point on, and whether one may fail to be decoded.

    Those before it refer to what was cut off, and decoders make gray mud of them; so do leading
    ones; and the first that does not lead may tell the decoder to forget what it never had.
    """
    number, cut, begun = 0, facts.head > 0, False
    for packet in container.demux(stream):
        number += bool(packet.size)
        if packet.size and number <= facts.head:
            continue
        leads = facts.leads(stamp_of(packet))
        cut = cut or leads
        yield packet, leads or (cut and begun)
        cut, begun = cut and (leads or not begun), True


def _to_rgb(frame: Any, reformatter: VideoReformatter) -> tuple[Picture, str]:
    """Gray planes as gray, all else as RGB by the stream's own matrix and range.

    An unstated matrix is BT.601: what scanners' encoders, AVI and MPEG-2 at these sizes use, and
    what every player assumes.
    """
    name = frame.format.name
    if name in ("gray", "gray8"):
        return frame.to_ndarray(), "gray"
    full = name.startswith("yuvj") or frame.color_range == FULL_RANGE
    matrix = Colorspace.ITU709 if frame.colorspace == BT709 else Colorspace.ITU601
    rgb = reformatter.reformat(
        frame,
        format="rgb24",
        src_colorspace=matrix,
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=SMOOTH,
        threads=1,
    )
    code = "ycc:bt709_" if matrix is Colorspace.ITU709 else "ycc:bt601_"
    code += "full" if full else "limited"
    if name in ("rgb24", "bgr24", "bgra", "rgba", "pal8", "gbrp", "bgr0", "rgb0"):
        code = "rgb:codestream"
    return np.asarray(rgb.to_ndarray(), np.uint8), code


def _turn(frame: Any) -> int:
    """How a frame's matrix has it turned and mirrored, to the nearest right angle, as of EXIF.

    Column p and row q of what is coded are shown at column ap + cq and row bp + dq, but for where
    that begins (ISO/IEC 14496-12, 6.2.2). An angle alone tells a mirror image from none by nothing.
    """
    told = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    if told is None:
        return 1
    a, b, _, c, d = np.frombuffer(bytes(told), np.int32)[:5].tolist()
    across = abs(b) + abs(c) > abs(a) + abs(d)
    a, d = (c, b) if across else (a, d)
    return TURNS[across, a < 0, d < 0]

"""Video: containers and bare streams, by PyAV, one picture at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.logging
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.schemas.records import Damage, Scan

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

# FFmpeg's log quotes metadata.
av.logging.set_level(av.logging.PANIC)
FILE_ERRORS = (av.error.FFmpegError, ValueError, EOFError, IndexError)
# No protocols and no playlists: a stream must not name other files.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,mpeg,mpegts,mpegvideo,matroska,webm,asf,flv,h264,hevc,m4v"
SMOOTH = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
BT709, FULL_RANGE = 1, 2  # H.273 matrix coefficients; FFmpeg's AVCOL_RANGE_JPEG


@dataclass(frozen=True, slots=True)
class _Facts:
    """What demuxing alone tells of a video."""

    codec: str
    height: int
    width: int
    times: tuple[float, ...] | None
    frames: int
    text: dict[str, str]
    flags: tuple[str, ...]


def read_video(data: bytes, kind: str, config: ReadConfig) -> Scan:
    """Open a video; nothing is decoded but the first picture.

    Args:
        data: a container (MP4, MOV, AVI, MPEG PS and TS, MKV) or a bare MPEG-2, H.264 or HEVC
            stream.

    Raises:
        Reject: ``unreadable``, ``no_pixels`` without a video stream, ``too_large``.
    """
    try:
        facts = _demux(data, config)
    except FILE_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the video cannot be opened ({type(error).__name__})"
        ) from None
    damage = Damage()
    first = next(_pictures(data, facts.frames, Damage(), config), None)
    if first is None:
        raise Reject(Reason.UNREADABLE, "no picture of the video can be decoded")
    picture, color = first
    return Scan(
        format=kind,
        codec=facts.codec,
        declared_frames=facts.frames,
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: (one for one, _ in _pictures(data, facts.frames, damage, config)),
        color=color,
        times=facts.times,
        text=facts.text,
        flags=facts.flags,
        damage=damage,
    )


def _open(data: bytes) -> Any:
    return av.open(BytesIO(data), options={"format_whitelist": DEMUXERS}, metadata_errors="replace")


def video_text(data: bytes, config: ReadConfig) -> dict[str, str]:
    """The tags of a video, as ``read_video`` finds them; nothing is demuxed.

    Raises:
        Reject: ``unreadable``.
    """
    try:
        with _open(data) as container:
            return _tags(container, config)
    except FILE_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the video cannot be opened ({type(error).__name__})"
        ) from None


def _tags(container: Any, config: ReadConfig) -> dict[str, str]:
    return {
        str(key): str(value)[: config.max_text]
        for source in (container.metadata, container.streams.video[0].metadata)
        for key, value in source.items()
    }


def _demux(data: bytes, config: ReadConfig) -> _Facts:
    """Count packets and read their times, without decoding."""
    with _open(data) as container:
        if not container.streams.video:
            raise Reject(Reason.NO_PIXELS, "the file has no video stream")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise Reject(Reason.UNSUPPORTED_CODEC, "the video's codec is not one that is read")
        check_size(context.height, context.width, 1, config)
        stated, text = stream.frames, _tags(container, config)
        stamps: list[float | None] = []
        passed = 0
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.is_discard:
                passed += 1
                continue
            stamp = packet.pts
            stamps.append(float(stamp * packet.time_base * 1000) if stamp is not None else None)
            if len(stamps) % 1024 == 0:
                check_size(context.height, context.width, len(stamps), config)
        check_size(context.height, context.width, len(stamps), config)
        aspect = stream.sample_aspect_ratio
        flags = ["anamorphic"] if aspect and aspect not in (0, 1) else []
        if len(stamps) + passed < stated:
            if not config.partial:
                raise Reject(
                    Reason.TRUNCATED,
                    f"the container says more frames than the {len(stamps)} that are there",
                )
            flags.append("early_end")
        return _Facts(
            context.name,
            context.height,
            context.width,
            _times(stamps),
            max(len(stamps), 1),
            text,
            tuple(flags),
        )


def _times(stamps: list[float | None]) -> tuple[float, ...] | None:
    """Presentation times in order from 0, or None where the stream has none, or repeats them."""
    known = sorted(stamp for stamp in stamps if stamp is not None)
    if len(known) < 2 or len(known) != len(stamps) or len(set(known)) != len(known):
        return None
    return tuple(since(stamp - known[0]) for stamp in known)


def _pictures(
    data: bytes, frames: int, damage: Damage, config: ReadConfig
) -> Iterator[tuple[Picture, str]]:
    """Decode from the start: each picture, and how its color was decided."""
    reformatter = VideoReformatter()
    count = 0
    size: tuple[int, int] | None = None
    try:
        for frame in _decoded(data, damage, config):
            check_size(frame.height, frame.width, count + 1, config)
            picture, color = _to_rgb(frame, reformatter)
            if size is not None and picture.shape[:2] != size:
                raise Reject(Reason.UNREADABLE, "frames differ in size")
            size = picture.shape[0], picture.shape[1]
            count += 1
            yield picture, color
    except FILE_ERRORS as error:
        if not config.partial:
            raise Reject(
                Reason.UNREADABLE,
                f"frame {count + 1} of {frames} cannot be decoded ({type(error).__name__})",
            ) from None
        damage.flags.add("decode_error")
    if count != frames:
        damage.flags.add("frame_mismatch")
        if not config.partial and count < frames:
            raise Reject(
                Reason.FRAME_MISMATCH, f"the stream announces {frames} frames, {count} came out"
            )


def _decoded(data: bytes, damage: Damage, config: ReadConfig) -> Iterator[Any]:
    with _open(data) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.options = {"err_detect": "explode"} if not config.partial else {}
        for packet in container.demux(stream):
            try:
                found = packet.decode()
            except FILE_ERRORS:
                if not config.partial:
                    raise
                damage.flags.add("decode_error")
                continue
            yield from found


def _to_rgb(frame: Any, reformatter: VideoReformatter) -> tuple[Picture, str]:
    """As displayed: gray planes as gray, all else as RGB by the stream's own matrix and range.

    An unstated matrix is BT.601: what scanners' encoders, AVI and MPEG-2 at these sizes use, and
    what every player assumes.
    """
    name = frame.format.name
    if name in ("gray", "gray8"):
        return _turned(frame.to_ndarray(), frame.rotation), "gray"
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
    return _turned(np.asarray(rgb.to_ndarray(), np.uint8), frame.rotation), code


def _turned(picture: Picture, degrees: int) -> Picture:
    quarter = round((degrees or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarter)) if quarter else picture

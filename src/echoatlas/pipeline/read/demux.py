"""What a video's packets tell before any is decoded: how many pictures, when, and which can't be.

Cut videos and frame grabbers make streams that begin in the middle, or say of a moment only that
nothing new was seen in it.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import av.logging
from av.stream import Disposition

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read.aperture import WHOLE, Crop, crop_of
from echoatlas.pipeline.read.aspect import SQUARE, shape_of, unequal
from echoatlas.pipeline.read.coded import Packets
from echoatlas.pipeline.read.config import ReadConfig, check_size

# FFmpeg's log quotes metadata.
av.logging.set_level(av.logging.PANIC)
# No protocols and no playlists: a stream must not name other files.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,mpeg,mpegts,mpegvideo,matroska,webm,asf,flv,h264,hevc,m4v"
NO_SCENE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails


@dataclass(frozen=True, slots=True)
class Facts:
    """What demuxing alone tells of a video.

    Attributes:
        track: index of the stream whose pictures are the video's.
        times: milliseconds from the first, one a picture, or None.
        frames: pictures, those that can't be decoded among them.
        head: packets before the first random access point.
        late: pictures among these; where presentation times are known, ``before`` tells instead.
        stamps: presentation times in order, milliseconds; empty where there are none.
        key: presentation time of the first random access point.
        shown: for how many ticks each picture is shown; empty where each is shown once.
        codestream: digest of the coded pictures alone (``coded``).
        aspect: how wide a pixel is to how high, as it is coded.
        crop: what of the picture as it is coded is not shown, before it is turned.
    """

    codec: str
    track: int
    times: tuple[float, ...] | None
    frames: int
    text: dict[str, str]
    flags: tuple[str, ...]
    head: int = 0
    late: int = 0
    stamps: tuple[float, ...] = ()
    key: float | None = None
    shown: tuple[int, ...] = ()
    codestream: str = ""
    aspect: tuple[int, int] = SQUARE
    crop: Crop = WHOLE

    def before(self, stamp: float | None) -> int:
        """How many pictures are missing before the first that came out.

        Those before the first random access point, and those that are shown before it but were
        coded after it (an open group of pictures), need pictures that were cut off.
        """
        if stamp is None or not self.stamps or self.key is None:
            return self.late
        return bisect.bisect_left(self.stamps, stamp) if stamp <= self.key else 0

    def leads(self, stamp: float | None) -> bool:
        """Whether a picture is shown before the first random access point."""
        return stamp is not None and self.key is not None and stamp < self.key


def open_video(data: bytes) -> Any:
    """A container, whose strings may be in any charset."""
    return av.open(BytesIO(data), options={"format_whitelist": DEMUXERS}, metadata_errors="replace")


def track_of(container: Any) -> Any:
    """The stream that is the video: not its cover, poster or thumbnails.

    Raises:
        Reject: ``no_pixels`` without one, ``unsupported_format`` with several: nothing says
            which is the scan.
    """
    tracks = [one for one in container.streams.video if not one.disposition & NO_SCENE]
    if not tracks:
        raise Reject(Reason.NO_PIXELS, "the file has no video stream")
    if len(tracks) > 1:
        raise Reject(
            Reason.UNSUPPORTED_FORMAT,
            f"the file holds {len(tracks)} videos: send each as a file of its own",
        )
    return tracks[0]


def tags(container: Any, config: ReadConfig) -> dict[str, str]:
    """The strings of a container and of its video, key to value."""
    return {
        str(key): str(value)[: config.max_text]
        for source in (container.metadata, track_of(container).metadata)
        for key, value in source.items()
    }


def stamp_of(one: Any) -> float | None:
    """When a packet or frame is shown, milliseconds."""
    return float(one.pts * one.time_base * 1000) if one.pts is not None else None


def demux(data: bytes, config: ReadConfig) -> Facts:
    """Count packets and read their times, without decoding.

    Raises:
        Reject: ``no_pixels``, ``unsupported_codec``, ``too_large``, and ``truncated`` if there is
            less than the container says and not ``config.partial``.
    """
    with open_video(data) as container:
        track = track_of(container)
        context = track.codec_context
        if context is None:
            raise Reject(Reason.UNSUPPORTED_CODEC, "the video's codec is not one that is read")
        stated, text = track.frames, tags(container, config)
        stamps: list[float | None] = []
        ticks: list[tuple[int | None, int | None]] = []
        number = passed = end = 0
        head, late, key = -1, 0, None
        coded = Packets(context.name, context.extradata)
        for packet in container.demux(track):
            if not packet.size:
                continue
            coded.add(packet)
            if packet.is_keyframe and head < 0:
                head, late, key = number, len(stamps), stamp_of(packet)
            number += 1
            if packet.is_discard:
                passed += 1
                continue
            stamps.append(stamp_of(packet))
            ticks.append((packet.pts, packet.dts))
            end = packet.pos + packet.size if packet.pos else 0
            if len(stamps) % 1024 == 1:
                check_size(context.height, context.width, len(stamps), config)
        frames, shown = len(stamps), tuple[int, ...]()
        if container.format.name == "avi" and frames < stated:
            shown, late = _shown(ticks, _empty_chunks(data, end))
            frames = late + sum(shown) or frames
        check_size(context.height, context.width, frames, config)
        aspect = track.sample_aspect_ratio
        flags = [*unequal(aspect.numerator, aspect.denominator)] if aspect else []
        if frames + passed < stated:
            if not config.partial:
                raise Reject(
                    Reason.TRUNCATED,
                    f"the container says more frames than the {frames} that are there",
                )
            flags.append("early_end")
        if shown:
            flags.append("repeats")
            tick = float(track.time_base * 1000)
            times: tuple[float, ...] | None = tuple(since(n * tick) for n in range(frames))
            known: tuple[float, ...] = ()
        else:
            known = _known(stamps)
            times = tuple(since(one - known[0]) for one in known) or None
        return Facts(
            codec=context.name,
            track=track.index,
            times=times,
            frames=max(frames, 1),
            text=text,
            flags=tuple(flags),
            head=max(head, 0),
            late=late if head > 0 or shown else 0,
            stamps=known,
            key=key,
            shown=shown,
            codestream=coded.hexdigest(),
            aspect=shape_of(aspect.numerator, aspect.denominator) if aspect else SQUARE,
            crop=crop_of(data, track.id, context.height, context.width),
        )


def _known(stamps: list[float | None]) -> tuple[float, ...]:
    """Presentation times in order; none where the stream has none, or repeats them."""
    known = sorted(stamp for stamp in stamps if stamp is not None)
    if len(known) < 2 or len(known) != len(stamps) or max(Counter(known).values()) > 1:
        return ()
    return tuple(known)


def _shown(ticks: list[tuple[int | None, int | None]], after: int) -> tuple[tuple[int, ...], int]:
    """For how many ticks an AVI's pictures are shown, and the ticks before the first.

    A chunk is a tick, and an empty one shows the picture before it once more; only where pictures
    are shown in the order in which they are coded.

    Args:
        ticks: presentation and decoding time of each picture, which is its chunk's number.
        after: empty chunks behind the last picture.
    """
    places = [decoded for shown, decoded in ticks if decoded is not None and shown == decoded]
    if len(places) != len(ticks) or not places or sorted(set(places)) != places:
        return (), 0
    ends = [*places[1:], places[-1] + 1 + after]
    return tuple(end - place for place, end in zip(places, ends, strict=True)), places[0]


def _empty_chunks(data: bytes, place: int) -> int:
    """How many empty video chunks an AVI has from a place on."""
    count = 0
    place += place % 2
    while place and place + 8 <= len(data):
        kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if kind[:2].isdigit() and kind[2:] in (b"dc", b"db"):
            if size:
                break
            count += 1
        elif kind == b"LIST" and data[place + 8 : place + 12] == b"rec ":
            size = 4
        elif not (kind[:2].isdigit() or kind == b"JUNK"):
            break
        place += 8 + size + size % 2
    return count

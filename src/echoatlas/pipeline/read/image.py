"""Loose pictures: PNG, JPEG, GIF, BMP, TIFF, WebP, HEIF and AVIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.precision import since
from echoatlas.pipeline.read import color
from echoatlas.pipeline.read.animated_png import drawn_out
from echoatlas.pipeline.read.aspect import (
    SQUARE,
    of_picture,
    shape_of,
    shape_of_picture,
    unequal,
)
from echoatlas.pipeline.read.codecs import CODEC_ERRORS, Decoded, decode
from echoatlas.pipeline.read.coded import JPEG, codestream_digest
from echoatlas.pipeline.read.codestream import Codestream, probe
from echoatlas.pipeline.read.config import ReadConfig, check_size
from echoatlas.pipeline.read.dicom.values import unsaid
from echoatlas.pipeline.read.exif import ORIENTATION, PIL_ERRORS, exif_words, jpeg_words, strings
from echoatlas.pipeline.read.frame_stream import each, one
from echoatlas.pipeline.read.pages import FLAT, Pages, Scale, is_deep, pages_of, scale_of
from echoatlas.pipeline.read.pillow import opened
from echoatlas.pipeline.read.raster import check_rows
from echoatlas.pipeline.read.reals import read_reals
from echoatlas.pipeline.read.several import Parts, parts_of, size_of
from echoatlas.pipeline.read.tiff_again import as_it_is
from echoatlas.pipeline.read.tiff_axes import check_depth, colored, demand_colors, is_separate
from echoatlas.pipeline.read.tiff_scale import UNKNOWN, tiff_scale
from echoatlas.pipeline.read.turns import oriented, sideways
from echoatlas.schemas.records import Damage, Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

# Formats whose durations come to light by decoding, and those that may have more than 8 bits.
LATE_DURATIONS = frozenset({"webp", "avif"})
DEEP = frozenset({"png", "tiff"})
LAB = ("L", "A", "B")  # whose A is a color
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def read_jpeg(data: bytes, config: ReadConfig) -> Scan:
    """A JPEG file, its color decided by the same rules as a DICOM fragment's.

    Pictures of one size that follow each other are the frames of a clip (``several``).

    Raises:
        Reject: ``unreadable``, ``too_large``, ``frame_mismatch``.
    """
    stream = probe(data)
    parts = parts_of(data, config.max_frames)
    if len(parts.places) > 1:
        return _jpegs(data, parts, config)
    flags = _flags(stream, parts)
    if stream.components == 4:
        found = read_picture(data, "jpeg", config)
        return replace(found, flags=(*found.flags, *flags))
    try:
        picture, code = _jpeg(memoryview(data), config)
    except CODEC_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None
    text, turn = jpeg_words(stream.texts, config)
    found = still(oriented(picture, turn), "jpeg", "jpeg", code, text=text, flags=flags)
    coded = codestream_digest([data], JPEG) if turn == 1 else ""
    return replace(found, codestream=coded, aspect=_aspect(stream, turn), turn=turn)


def _aspect(stream: Codestream, turn: int) -> tuple[int, int]:
    across, down = stream.density
    return shape_of(across, down) if sideways(turn) else shape_of(down, across)


def _flags(stream: Codestream, parts: Parts) -> tuple[str, ...]:
    return (*unequal(*stream.density), *(["pictures_left_out"] if parts.left else []))


def _jpeg(data: memoryview, config: ReadConfig, bits: int = 0) -> tuple[Picture, str]:
    """A coded picture as shown, and how its color was decided.

    Args:
        bits: that hold the samples of all pictures of the file; 0 for those of this one.
    """
    found = decode(data, "YBR_FULL_422", config)
    picture = color.to_bytes(found.samples, bits or _bits(found))
    return color.ycc_to_rgb(picture) if found.ycc else picture, found.color


def _bits(found: Decoded) -> int:
    """Of more than 8 bits the fewest that hold all: 12 bits in what is said to be 16 are dark."""
    if found.bits <= 8:
        return found.bits
    return max(int(found.samples.max()).bit_length(), 8)


def _jpegs(data: bytes, parts: Parts, config: ReadConfig) -> Scan:
    """Motion JPEG without a container, and the views of an MPO; nothing says when they were."""
    count = len(parts.places)
    sizes = {size_of(data, start) for start, _ in parts.places}
    if len(sizes) > 1:
        raise Reject(Reason.FRAME_MISMATCH, "the pictures of the file differ in size")
    whole = memoryview(data)
    stream = probe(data)
    text, turn = jpeg_words(stream.texts, config)

    def picture(index: int) -> Picture:
        start, end = parts.places[index]
        return oriented(_jpeg(whole[start:end], config, bits)[0], turn)

    try:
        first = decode(whole[slice(*parts.places[0])], "YBR_FULL_422", config)
        bits, code = first.bits, first.color
        if bits > 8:
            found = (decode(whole[a:b], "YBR_FULL_422", config) for a, b in parts.places)
            bits = max(map(_bits, found))
        height, width = picture(0).shape[:2]
    except CODEC_ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
        ) from None
    check_size(height, width, count, config)
    coded = (whole[start:end] for start, end in parts.places)
    size, damage = (height, width), Damage()
    return Scan(
        format="mjpeg",
        codec="jpeg",
        declared_frames=count,
        height=height,
        width=width,
        frames=lambda: each(picture, count, size, CODEC_ERRORS, damage, config),
        color=code,
        text=text,
        flags=_flags(stream, parts),
        damage=damage,
        single=lambda index: one(picture, index, size, CODEC_ERRORS),
        codestream=codestream_digest(coded, JPEG) if turn == 1 else "",
        aspect=_aspect(stream, turn),
        turn=turn,
    )


def still(
    picture: Picture,
    kind: str,
    codec: str,
    code: str,
    *,
    text: dict[str, str] | None = None,
    flags: tuple[str, ...] = (),
    spacing: tuple[float, float] | None = None,
) -> Scan:
    """A scan of one picture that is decoded already."""
    picture = np.ascontiguousarray(picture)
    return Scan(
        format=kind,
        codec=codec,
        declared_frames=1,
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: iter((picture,)),
        color=code,
        spacing=spacing,
        text=text or {},
        flags=flags,
    )


def jpeg_text(data: bytes, config: ReadConfig) -> dict[str, str]:
    """The texts of a JPEG file, as ``read_jpeg`` finds them.

    Raises:
        Reject: ``unreadable``.
    """
    stream = probe(data)
    if stream.components == 4:
        return picture_text(data, "jpeg", config)
    return jpeg_words(stream.texts, config)[0]


def read_picture(data: bytes, kind: str, config: ReadConfig) -> Scan:
    """A picture that Pillow reads, with all its frames.

    Raises:
        Reject: ``unreadable``, ``too_large``.
    """
    with unsaid():
        check_rows(data, kind)
        try:
            return _open(data, kind, config)
        except UnidentifiedImageError:
            if kind == "tiff":
                return read_reals(data, config)
            raise Reject(Reason.UNREADABLE, "the picture cannot be opened") from None
        except PIL_ERRORS as error:
            raise Reject(
                Reason.UNREADABLE, f"the picture cannot be decoded ({type(error).__name__})"
            ) from None


def picture_text(data: bytes, kind: str, config: ReadConfig) -> dict[str, str]:
    """The texts of a picture, as ``read_picture`` finds them; no pixel is decoded, but of a PNG
    with text, which may stand behind them.

    Raises:
        Reject: ``unreadable``.
    """
    with unsaid():
        try:
            with opened(data, kind) as image:
                getattr(image, "n_frames", 1)  # some texts come to light by counting
                return _texts(image, data, config)
        except PIL_ERRORS as error:
            raise Reject(
                Reason.UNREADABLE, f"the picture cannot be opened ({type(error).__name__})"
            ) from None


def _texts(image: Image.Image, data: bytes, config: ReadConfig) -> dict[str, str]:
    written = any(chunk in data for chunk in PNG_TEXT) and getattr(image, "text", None)
    told = dict(written or image.info)
    if isinstance(comment := told.get("comment"), bytes):  # of GIF and JPEG
        told["comment"] = comment.decode("utf-8", "replace")
    return exif_words(image, data, config) | strings(told, config)


def _open(data: bytes, kind: str, config: ReadConfig) -> Scan:
    written = {"png": drawn_out, "tiff": as_it_is}.get(kind)
    data = written(data, config) if written else data
    with opened(data, kind) as image:
        check_size(image.height, image.width, 1, config)
        count = int(getattr(image, "n_frames", 1))
        check_size(image.height, image.width, count, config)
        text = _texts(image, data, config)
        check_depth(image)
        colors = colored(image, count) if kind == "tiff" else None
        stated = tiff_scale(image) if kind == "tiff" else UNKNOWN
        pages = pages_of(image, count, kind in LATE_DURATIONS, config) if count > 1 else Pages()
        may_be = kind in DEEP or config.numbers
        scale = scale_of(image, pages.places, config) if may_be else None
        if count > 1:
            image.seek(pages.places[0])
            check_size(image.height, image.width, len(pages.places), config)
        flags, aspect, turn = pages.flags, SQUARE, int(image.getexif().get(ORIENTATION, 1))
        if stated.spacing is None:
            flags = (*flags, *of_picture(image.info))
            aspect = shape_of_picture(image.info)
            aspect = aspect[::-1] if sideways(turn) else aspect
        bands = image.getbands()
        if ("A" in bands and bands != LAB) or "transparency" in image.info:
            flags = (*flags, "alpha")
        picture, code = to_picture(ImageOps.exif_transpose(image), scale, alone=count == 1)
        if kind == "tiff" and is_separate(image) and picture.ndim == 3:
            demand_colors(picture)
    groups: list[tuple[int, ...]] = [(page,) for page in pages.places]
    if colors is not None and pages.places == tuple(range(count)):
        groups, code = colors, "rgb:stated"
        demand_colors(next(_frames(data, kind, groups[:1], scale)))
    if len(pages.places) == 1:
        found = still(picture, kind, kind, code, text=text, flags=flags, spacing=stated.spacing)
        return replace(found, aspect=aspect, turn=turn)
    return Scan(
        format=kind,
        codec=kind,
        declared_frames=len(groups),
        height=picture.shape[0],
        width=picture.shape[1],
        frames=lambda: _frames(data, kind, groups, scale),
        color=code,
        times=stated.times(len(groups)) or (_times(pages.durations) if colors is None else None),
        spacing=stated.spacing,
        text=text,
        flags=flags,
        stack=(len(groups),) if kind == "tiff" else None,  # whose pages are cut from arrays
        aspect=aspect,
        turn=turn,
    )


def _times(durations: tuple[float, ...]) -> tuple[float, ...] | None:
    """Durations to times; None if one is unknown."""
    if not all(durations[:-1]):
        return None
    return tuple(since(float(total)) for total in np.cumsum([0.0, *durations[:-1]]))


def _frames(
    data: bytes, kind: str, groups: Sequence[tuple[int, ...]], scale: Scale | None
) -> Iterator[Picture]:
    """Pictures, each of a page, or of the pages that are its red, green and blue."""
    with opened(data, kind) as image:
        for index, group in enumerate(groups):
            try:
                parts = [_page(image, page, scale) for page in group]
            except PIL_ERRORS:
                raise Reject(
                    Reason.UNREADABLE, f"frame {index + 1} of {len(groups)} cannot be decoded"
                ) from None
            yield parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)


def _page(image: Image.Image, page: int, scale: Scale | None) -> Picture:
    image.seek(page)
    return to_picture(ImageOps.exif_transpose(image), scale)[0]


def to_picture(
    image: Image.Image, scale: Scale | None = None, *, alone: bool = False
) -> tuple[Picture, str]:
    """A Pillow image as displayed, transparent parts black, and how its color was decided.

    Args:
        scale: of all pages, for samples of more than 8 bits; of this one alone if not given.
        alone: it is the only picture: if all of it is transparent, its writer left alpha unset, as
            screens are grabbed on Windows, and it is shown as if it had none.
    """
    if is_deep(image) or (scale is not None and scale.numbers):
        deep = np.asarray(image)
        return _cleared((scale or scale_of(image) or FLAT).gray(deep), deep, image), "gray"
    code = "palette" if image.mode in ("P", "PA") else "rgb:codestream"
    if image.mode in ("1", "L"):
        gray = np.asarray(image.convert("L"))
        return _cleared(gray, gray, image), "gray"
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        clear = np.asarray(image.convert("RGBA")).astype(np.uint16)
        if alone and not clear[..., 3].any():
            return clear[..., :3].astype(np.uint8), code
        shown = (clear[..., :3] * clear[..., 3:] + 127) // 255
        return shown.astype(np.uint8), code
    return np.asarray(image.convert("RGB")), code


def _cleared(gray: Picture, samples: NDArray[Any], image: Image.Image) -> Picture:
    """Gray, (H, W), black where samples are those that the file says are transparent."""
    clear = image.info.get("transparency")
    return np.where(samples == clear, np.uint8(0), gray) if isinstance(clear, int) else gray

"""What the pages of a TIFF are of an array: ImageJ and OME say it in the description.

A page is then no picture where it is one color of three, or where it holds slices one below the
other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.colors import are_colors

if TYPE_CHECKING:
    from PIL import Image

    from echoatlas.schemas.records import Picture

DESCRIPTION, DEPTH = 270, 32997  # TIFF 6.0; SGI's ImageDepth
FIELD = re.compile(r"^(channels|slices|frames)=(\d+)\s*$", re.MULTILINE)
STACKED = re.compile(r"^images=(\d+)\s*$", re.MULTILINE)
TRUNCATED = re.compile(r'"truncated":\s*true')  # tifffile: one page stands for all
PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
ATTRIBUTE = re.compile(r"""\b(DimensionOrder|Size[XYCZT])\s*=\s*["'](\w+)["']""")
PLANAR, SEPARATE = 284, 2  # TIFF 6.0: PlanarConfiguration, one plane a color
COLORS = 3
MOMENTS = (
    "three planes that are stated to be colors are not seen to be: state axes of frames "
    "(tifffile: photometric='minisblack', metadata={'axes': 'TYX'}; imageio: is_batch=True), or "
    "save color pixel by pixel"
)
ORDERS = frozenset({"CZT", "CTZ", "ZCT", "ZTC", "TCZ", "TZC"})


def check_depth(image: Image.Image) -> None:
    """Refuse pages that are volumes: one slice of several would be taken for all.

    Raises:
        Reject: ``unsupported_format``.
    """
    if int(_number(image, DEPTH)) > 1:
        raise Reject(
            Reason.UNSUPPORTED_FORMAT, "a page of the file is a volume: save slices as pages"
        )


def colored(image: Image.Image, count: int) -> list[tuple[int, ...]] | None:
    """The pages that are the red, green and blue of each picture; None where pages are pictures.

    Args:
        image: a Pillow image of a TIFF, at its first page. count: pages.

    Raises:
        Reject: ``ambiguous`` if they are channels of another number, or pages of several pictures;
            ``frame_mismatch`` if the description tells of more than there are.
    """
    told = str(getattr(image, "tag_v2", {}).get(DESCRIPTION) or "")
    if told.startswith("ImageJ="):
        if any(int(number) > count for number in STACKED.findall(told)):
            raise _fewer()
        order, sizes = "CZT", {name[0].upper(): int(n) for name, n in FIELD.findall(told)}
        sizes = {"C": sizes.get("C", 1), "Z": sizes.get("S", 1), "T": sizes.get("F", 1)}
    else:
        if told.startswith("{") and TRUNCATED.search(told):
            raise _fewer()
        found = [dict(ATTRIBUTE.findall(one)) for one in PIXELS.findall(told)]
        if len(found) != 1:
            _check_one(found, image, count)
            return None
        said = found[0]
        order = said.get("DimensionOrder", "")[2:]
        sizes = {axis: _whole(said.get(f"Size{axis}", "")) for axis in "CZT"}
    pages = sizes["C"] * sizes["Z"] * sizes["T"]
    if sizes["C"] < 2 or pages != count or order not in ORDERS or len(image.getbands()) > 1:
        return None
    if sizes["C"] != COLORS:
        raise Reject(
            Reason.AMBIGUOUS,
            f"pages are {sizes['C']} channels of each picture: save it as RGB, or, if they are "
            "frames, state that (axes TYX)",
        )
    step = 1
    for axis in order[: order.index("C")]:
        step *= sizes[axis]
    firsts = [page for page in range(count) if page // step % COLORS == 0]
    return [tuple(first + step * color for color in range(COLORS)) for first in firsts]


def is_separate(image: Image.Image) -> bool:
    """Whether red, green and blue of a page lie one behind the other."""
    return len(image.getbands()) >= COLORS and _number(image, PLANAR) == SEPARATE


def demand_colors(picture: Picture) -> None:
    """Refuse frames as colors: of a gray clip of three that is saved without a word of its axes
    tifffile states three colors, or three channels for ImageJ.

    Args:
        picture: (H, W, 3), of planes or pages that are stated to be its colors.

    Raises:
        Reject: ``axes_unclear`` if it is not seen that they are.
    """
    if not are_colors(picture, usual=True):
        raise Reject(Reason.AXES_UNCLEAR, MOMENTS)


def _check_one(found: list[dict[str, str]], image: Image.Image, count: int) -> None:
    """Refuse the pages of several pictures of one size: they are no clip, one after the other.

    A set of files tells of all its pictures in each, where there are pages of one; smaller ones
    are thumbnails and labels, and other rules' matter.
    """
    size = [str(side) for side in image.size]
    alike = [one for one in found if [one.get("SizeX"), one.get("SizeY")] == size]
    bands = len(image.getbands())
    pages = [_whole(one.get("SizeZ", "")) * _whole(one.get("SizeT", "")) for one in alike]
    channels = [max(_whole(one.get("SizeC", "")) // bands, 1) for one in alike]
    if len(alike) > 1 and count > max(a * b for a, b in zip(pages, channels, strict=True)):
        raise Reject(
            Reason.AMBIGUOUS, f"the file holds {len(alike)} pictures (OME): send one a file"
        )


def _fewer() -> Reject:
    return Reject(
        Reason.FRAME_MISMATCH,
        "the description tells of more pictures than there are pages: save each as a page",
    )


def _number(image: Image.Image, tag: int) -> Any:
    value = getattr(image, "tag_v2", {}).get(tag, 1)
    return value[0] if isinstance(value, tuple) else value


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 1

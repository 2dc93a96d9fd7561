"""What the pages of a TIFF are of an array: ImageJ and OME say it in the description.

A page is then no picture where it is one color of three, or where it holds slices one below the
other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Reason, Reject

if TYPE_CHECKING:
    from PIL import Image

DESCRIPTION, DEPTH = 270, 32997  # TIFF 6.0; SGI's ImageDepth
FIELD = re.compile(r"^(channels|slices|frames)=(\d+)\s*$", re.MULTILINE)
PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
ATTRIBUTE = re.compile(r"""\b(DimensionOrder|Size[CZT])\s*=\s*["'](\w+)["']""")
COLORS = 3
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
        Reject: ``ambiguous`` if they are channels of another number.
    """
    told = str(getattr(image, "tag_v2", {}).get(DESCRIPTION) or "")
    if told.startswith("ImageJ="):
        order, sizes = "CZT", {name[0].upper(): int(n) for name, n in FIELD.findall(told)}
        sizes = {"C": sizes.get("C", 1), "Z": sizes.get("S", 1), "T": sizes.get("F", 1)}
    else:
        found = PIXELS.findall(told)
        if len(found) != 1:  # none, or several pictures of which each has its own
            return None
        said = dict(ATTRIBUTE.findall(found[0]))
        order = said.get("DimensionOrder", "")[2:]
        sizes = {axis: _whole(said.get(f"Size{axis}", "")) for axis in "CZT"}
    pages = sizes["C"] * sizes["Z"] * sizes["T"]
    if sizes["C"] < 2 or pages != count or order not in ORDERS or len(image.getbands()) > 1:
        return None
    if sizes["C"] != COLORS:
        raise Reject(
            Reason.AMBIGUOUS, f"pages are {sizes['C']} channels of each picture: save it as RGB"
        )
    step = 1
    for axis in order[: order.index("C")]:
        step *= sizes[axis]
    firsts = [page for page in range(count) if page // step % COLORS == 0]
    return [tuple(first + step * color for color in range(COLORS)) for first in firsts]


def _number(image: Image.Image, tag: int) -> Any:
    value = getattr(image, "tag_v2", {}).get(tag, 1)
    return value[0] if isinstance(value, tuple) else value


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 1

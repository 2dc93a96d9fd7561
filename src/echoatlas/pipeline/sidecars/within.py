"""Masks in the pictures' own file as annotations: codes for their names, never the names.

A variable is called as somebody pleased. What of that gets through is which word for a mask
stands in it, and what anatomy it speaks of, in codes; an adapter's rule comes first. What a label
of several means nobody says, so each is told by its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.arrays.scan import gray_scale
from echoatlas.pipeline.read.arrays.variables import WORDS
from echoatlas.pipeline.sidecars.annotations import in_codes, labeled
from echoatlas.schemas.records import SourceAnnotation
from echoatlas.taxonomy.collections.annotations import Mask

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from echoatlas.schemas.records import InnerMask, Scan

SOURCE = "file"
MOST_LABELS = 16  # of one mask; with more it is no mask, or of a kind that nobody told us of
CALLED = {
    "annotation": "annotation", "annotations": "annotation", "contour": "contour",
    "contours": "contour", "ground": "ground_truth", "groundtruth": "ground_truth",
    "gt": "ground_truth", "roi": "roi", "seg": "segmentation", "segmentation": "segmentation",
    "segmentations": "segmentation",
}  # fmt: skip


def within(
    scan: Scan, rule: tuple[Mask, str] | None
) -> tuple[list[SourceAnnotation], frozenset[str]]:
    """The masks of a scan's file as annotations in pixels of its pictures.

    Args:
        rule: of the adapter of the site's collection, and the adapter's name; None without.

    Returns:
        One annotation a frame and label; and "mask_unlike" if a mask holds other values than
        masks do, or than the adapter says: it is left out, as it may show what pictures show.
    """
    found: list[SourceAnnotation] = []
    flags: set[str] = set()
    for mask in scan.masks:
        try:
            found += _of_rule(mask, *rule) if rule is not None else _of_values(mask)
        except Reject as rejection:
            flags.add(rejection.detail)
    return found, frozenset(flags)


def _of_rule(mask: InnerMask, rule: Mask, source: str) -> Iterator[SourceAnnotation]:
    scale = gray_scale(mask.values, mask=True)
    for frame, values in _frames(mask):
        for name, inside in sorted(labeled(scale(values), rule).items()):
            yield SourceAnnotation("mask", name, source, mask=inside.astype(np.uint8), frame=frame)


def _of_values(mask: InnerMask) -> Iterator[SourceAnnotation]:
    name = next((CALLED[word] for word in _words(mask.called) if word in CALLED), "mask")
    about = in_codes(" ".join(_words(mask.called)))
    levels = np.unique(np.nan_to_num(mask.values))
    if len(levels) > MOST_LABELS + 1:  # lossy coding strays from two; else it is no mask
        shown = replace(mask, values=gray_scale(mask.values)(mask.values))
        for one in _of_rule(shown, Mask(name=name), SOURCE):
            yield replace(one, value=about)
        return
    lowest = 0 if 0 in levels or len(levels) == 1 else levels[0]  # -1 and 1, or 1 and 2
    meant = [level for level in levels if level != lowest]
    several = mask.numbered or len(meant) > 1
    for frame, values in _frames(mask):
        for level in meant or [1]:
            label = f"{name}-{float(level):g}" if several else name
            inside = (values == level).astype(np.uint8)
            if inside.any() or not several:
                yield SourceAnnotation("mask", label, SOURCE, about, mask=inside, frame=frame)


def _frames(mask: InnerMask) -> Iterator[tuple[int | None, NDArray[Any]]]:
    several = len(mask.values) > 1
    for index, values in enumerate(mask.values):
        yield (index if several else mask.frame), values


def _words(called: str) -> list[str]:
    return [word.lower() for part in called.split("/")[-2:] for word in WORDS.findall(part)]

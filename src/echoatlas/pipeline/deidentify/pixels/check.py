"""Look again at what may be seen: in full size before it is made small, and as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.recheck import (
    look_again,
    look_at_glances,
)
from echoatlas.pipeline.deidentify.pixels.search import Seen
from echoatlas.pipeline.deidentify.pixels.sight import Sight
from echoatlas.pipeline.deidentify.pixels.views import around, crop
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.step import step
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture, Redaction


@step("check_redacted", version=3)
def check_redacted(
    pictures: Iterable[Picture],
    redactions: Sequence[Redaction],
    config: RedactConfig = RedactConfig(),
    sight: Sight | None = None,
) -> None:
    """Look again in full size, at what may be seen, before it is made small.

    Small letters are lost to a look at small frames, though not always to a person.

    Args:
        pictures: as given to ``redact``; read once for each fan of which that left out some.
        redactions: one a fan; where measurements were left standing is not looked at.
        sight: as ``redact`` left it.

    Raises:
        Reject: ``residual_text`` if text is still there.
    """
    whole = sight is not None and sight.whole
    # One fan at a time: what is dark in one may be bright in another
    for number, one in enumerate(redactions):
        keep = one.keep if one.left is None else one.keep & ~one.left
        if sight is not None and sight.remembers and not sight.whole:
            untouched = not one.text_boxes and one.left is None
            seen = sight.glances[number] if untouched else sight.again(number, pictures, keep)
            refuse_text(look_at_glances(seen, config.full))
            continue
        box = around(keep, 0)
        shown = keep[box.pixels]
        crops = (_blacked(crop(picture, box), ~shown) for picture in pictures)
        refuse_text(look_again(crops, config.full, whole=whole), whole)


@step("check_written", version=5)
def check_written(
    pictures: Iterable[Picture],
    config: RedactConfig = RedactConfig(),
    left: NDArray[np.bool_] | None = None,
    whole: bool = False,
) -> tuple[str, ...]:
    """Look again, at what was written.

    Args:
        pictures: as a reader of the output sees them, equally sized, in order.
        left: (H, W), where measurements were left standing: not looked at.
        whole: as of ``Sight``.

    Returns:
        Codes of the checks that were made.

    Raises:
        Reject: ``residual_text`` if text is still there, ``no_dynamic_range`` if nothing could
            be seen, ``no_pixels`` without a frame.
    """
    if left is not None:
        pictures = (_blacked(picture, left) for picture in pictures)
    seen = look_again(pictures, config.again, whole=whole)
    if not seen.frames:
        raise Reject(Reason.NO_PIXELS)
    if not seen.ranged:
        raise Reject(Reason.NO_DYNAMIC_RANGE)
    refuse_text(seen, whole)
    return ("checked_written",)


def refuse_text(seen: Seen, whole: bool = False) -> None:
    """Raise ``residual_text`` if lines were seen, and say so if only some objects are seen so.

    Args:
        whole: as of ``Sight``: drawn under the site's key, so the same file may pass elsewhere.
    """
    if seen.lines:
        drawn = ", of an object drawn to be looked at whole" if whole else ""
        left = number_of(len(seen.lines), "line")
        raise Reject(Reason.RESIDUAL_TEXT, f"{left} of text left{drawn}")


def _blacked(picture: Picture, where: NDArray[np.bool_]) -> Picture:
    cut = picture.copy()
    cut[where] = 0
    return cut

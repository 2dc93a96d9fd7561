"""Find the scanned areas of a clip: what the header says, checked against what the picture shows.

Everything outside of what is found here is blacked out, so doubt never passes: an area that the
picture does not bear out is sent to review or rejected, and nothing found is a rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry.candidates import Thresholds, chosen
from echoatlas.pipeline.geometry.mode import mode_of, only_traces
from echoatlas.pipeline.geometry.regions import panes_of, scaled_by, stated_of
from echoatlas.pipeline.geometry.signal import signal_of
from echoatlas.pipeline.step import setting, step
from echoatlas.schemas.fan import Fan, Verdict, whole

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture, Scan


@dataclass(frozen=True, slots=True)
class GeometryConfig:
    """When an area is relied on.

    Attributes:
        pictures: how many of a clip are looked at.
        cropped: the site says that its pictures are cropped to the fan.
        thresholds: what the picture must show of an area's boundary for each verdict.
    """

    pictures: int = setting(16, 1, 1000, "pictures")
    cropped: bool = False
    thresholds: Thresholds = field(default_factory=Thresholds)


@step("geometry", version=5)
def geometry(
    scan: Scan, pictures: Sequence[Picture], config: GeometryConfig = GeometryConfig()
) -> tuple[Fan, ...]:
    """The scanned areas of a clip, one a pane, left to right.

    Args:
        pictures: spread evenly over the clip, (H, W) or (H, W, 3) uint8, all of one size.

    Raises:
        Reject: ``not_imaging`` if only traces or spectra are shown, ``no_fan`` if nothing is
            found, ``geometry_disagrees`` if what is found is not borne out by the picture,
            ``no_pixels`` without a picture, ``frame_mismatch`` if sizes differ.
    """
    if not pictures:
        raise Reject(Reason.NO_PIXELS)
    height, width = pictures[0].shape[:2]
    if any(picture.shape[:2] != (height, width) for picture in pictures):
        raise Reject(Reason.FRAME_MISMATCH, "the frames differ in size")
    if only_traces(scan):
        raise Reject(Reason.NOT_IMAGING)
    stated = stated_of(scan, width, height)
    if config.cropped:
        fans = [whole(width, height, "cropped", Verdict.ACCEPT, 1.0)]
    else:
        fans = chosen(signal_of(pictures), panes_of(stated, width, height), config.thresholds)
    mode = mode_of(scan, pictures, fans)
    return tuple(
        replace(scaled_by(fan, stated, scan), mode=mode, pane=number)
        for number, fan in enumerate(fans)
    )

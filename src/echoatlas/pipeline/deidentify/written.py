"""One object in, one clean object out: the pixels' way through the de-identification tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.clip import Clip
from echoatlas.pipeline.deidentify.attributes import clean
from echoatlas.pipeline.deidentify.check import demand_clean
from echoatlas.pipeline.deidentify.containers import dicom, jpeg, stills, video, volumes
from echoatlas.pipeline.deidentify.identity import identify
from echoatlas.pipeline.deidentify.pixels import RedactConfig, check_written, redact
from echoatlas.pipeline.deidentify.rebuild import rebuild
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.policy import Policy
    from echoatlas.pipeline.vault import SiteKey
    from echoatlas.schemas.config import SiteConfig
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import CleanHeader, Origin, Picture, Redaction, Scan

STILLS = frozenset({"png", "bmp", "webp", "tiff", "gif", "jpeg"})
BLACK = 24  # gray level up to which lossy coding may lift a blacked-out pixel


@dataclass(frozen=True, slots=True)
class Written:
    """A clean object, ready to be put down.

    Attributes:
        data: its bytes. suffix: of its name. how: "native", "dct", "lossless" or "video".
    """

    data: bytes
    suffix: str
    how: str
    scan: Scan
    header: CleanHeader
    fans: tuple[Fan, ...]
    redactions: tuple[Redaction, ...]


def rewritten(
    data: bytes,
    origin: Origin,
    site: SiteConfig,
    key: SiteKey,
    policy: Policy,
    config: RedactConfig,
) -> Written:
    """De-identify one object and look at the result again as a stranger would.

    Raises:
        Reject: whatever is not certainly clean.
    """
    scan = read(data)
    clip = Clip(scan)
    looked = GeometryConfig()
    fans = geometry(scan, clip.spread(looked.pictures), looked)
    header = clean(scan, origin, site, key, policy)
    redactions = redact(clip, fans, config)
    keep = np.logical_or.reduce([redaction.keep for redaction in redactions])
    if scan.header is not None:
        new = rebuild(scan.header, policy, key, identify(scan.header, origin, site).value).dataset
        whole, how = dicom.instance(new, scan, data, blackened(clip, keep), keep)
        demand_clean(scan.header, new, policy)
        suffix = ".dcm"
    else:
        whole, suffix, how = _loose(scan, data, list(blackened(clip, keep)), keep)
    again = Clip(read(whole))
    _demand_black(again, keep)
    check_written(again, config)
    return Written(whole, suffix, how, scan, header, fans, redactions)


def blackened(pictures: Clip, keep: NDArray[np.bool_]) -> Iterator[Picture]:
    """Pictures with black wherever ``keep`` is false."""
    for picture in pictures:
        cut = picture.copy()
        cut[~keep] = 0
        yield cut


def _loose(
    scan: Scan, data: bytes, pictures: Sequence[Picture], keep: NDArray[np.bool_]
) -> tuple[bytes, str, str]:
    if scan.format == "jpeg" and not scan.color.startswith("rgb"):
        redacted = jpeg.redacted(data, keep)
        if redacted is not None:
            return redacted, ".jpg", "dct"
    if scan.format in STILLS:
        if len(pictures) == 1:
            return stills.png(pictures[0]), ".png", "lossless"
        return stills.tiff(pictures), ".tiff", "lossless"
    if scan.format == "nrrd":
        return volumes.nrrd(pictures, scan.spacing), ".nrrd", "lossless"
    if scan.format in ("nifti", "mha", "hdf5", "mat"):
        return volumes.nifti(pictures, scan.spacing, packed=True), ".nii.gz", "lossless"
    return video.mp4(pictures, scan.times), ".mp4", "video"


def _demand_black(written: Clip, keep: NDArray[np.bool_]) -> None:
    """Hold what was written against the mask.

    Raises:
        Reject: ``not_clean`` if a picture has another size or shows anything outside the mask.
    """
    for picture in written:
        if picture.shape[:2] != keep.shape or picture[~keep].max(initial=0) > BLACK:
            raise Reject(Reason.NOT_CLEAN, "the written pictures show more than the mask allows")

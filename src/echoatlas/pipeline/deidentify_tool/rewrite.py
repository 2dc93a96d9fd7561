"""One object in, one clean object out: the pixels' way through the de-identification tool."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.deidentify.header.attributes import of_header, of_loose
from echoatlas.pipeline.deidentify.header.checker import demand_clean
from echoatlas.pipeline.deidentify.header.rebuild import part10
from echoatlas.pipeline.deidentify.pixels.check import check_written
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.deidentify.pixels.sight import Sight
from echoatlas.pipeline.deidentify_tool.containers import dicom, jpeg, stills, video, volumes
from echoatlas.pipeline.deidentify_tool.reports import is_report, open_report
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.objects.copies import consent_of
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.aspect import shape_of
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.exif import jpeg_turn
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import Scan
from echoatlas.schemas.values import Consent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.header.policy import Policy
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import CleanHeader, Origin, Picture, Redaction

BLACK = 24  # gray level up to which lossy coding may lift a blacked-out pixel
LOOKED = GeometryConfig()


@dataclass(frozen=True, slots=True)
class Written:
    """A clean object, ready to be put down.

    Attributes:
        data: its bytes. suffix: of its name. how: "native", "dct", "lossless", "video" or "".
        mask: PNG of the picture's size, white where pixels were kept; empty for a report.
    """

    data: bytes
    suffix: str
    how: str
    scan: Scan
    header: CleanHeader
    fans: tuple[Fan, ...] = ()
    redactions: tuple[Redaction, ...] = ()
    mask: bytes = b""


@step("rewrite", version=11)
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
    if is_report(data):
        return _report(data, origin, site, key, policy)
    keeps = config.keep_measurements or policy.keep_measurements
    config = replace(config, keep_measurements=keeps)
    scan = read(data)
    _demand_consent(scan.header, origin, site)
    clip = Clip(scan)
    look = replace(LOOKED, cropped=site.cropped)
    fans = geometry(scan, clip.spread(look.pictures), look)
    sight = Sight(key.draws("witness", hashlib.sha256(data).hexdigest(), config.witness), False)
    redactions = redact(clip, fans, config, sight)
    check_planes(clip, redactions, scan.stack, config)
    keep = np.logical_or.reduce([redaction.keep for redaction in redactions])
    pictures = Redacted(clip, keep)
    if scan.header is not None:
        header, rebuilt = of_header(scan.header, origin, site, key, policy)
        _name(rebuilt.dataset, data, key)
        whole, how, shown = dicom.instance(rebuilt.dataset, scan, data, pictures, keep)
        suffix = ".dcm"
    else:
        header = of_loose(origin, site, key, policy)
        whole, suffix, how, shown = _loose(scan, data, pictures, keep)
    seen = read(whole)
    if scan.header is not None:
        demand_clean(scan.header, seen.header, policy)
    again = Clip(seen)
    _demand_black(again, keep)
    left = [redaction.left for redaction in redactions if redaction.left is not None]
    check_written(again, config, np.logical_or.reduce(left) if left else None, sight.whole)
    mask = stills.png(shown)
    return Written(whole, suffix, how, scan, header, fans, redactions, mask)


def _report(data: bytes, origin: Origin, site: SiteConfig, key: SiteKey, policy: Policy) -> Written:
    """A structured report: codes, numbers and references, and no pixels at all."""
    before = open_report(data)
    _demand_consent(before, origin, site)
    header, rebuilt = of_header(before, origin, site, key, policy, pixels=False)
    _name(rebuilt.dataset, data, key)
    whole = part10(rebuilt.dataset)
    demand_clean(before, open_dicom(whole, ReadConfig()).header, policy)
    scan = Scan("dicom", "", 0, 0, 0, lambda: iter(()), header=before)
    return Written(whole, ".dcm", "", scan, header)


def _demand_consent(header: Any, origin: Origin, site: SiteConfig) -> None:
    """Let nothing out of a patient who refused.

    Raises:
        Reject: ``no_consent``.
    """
    if consent_of(header, origin, site) in (Consent.WITHDRAWN, Consent.REFUSED, Consent.UNCLEAR):
        raise Reject(Reason.NO_CONSENT)


def _name(made: Any, data: bytes, key: SiteKey) -> None:
    """An instance whose header has no usable UID gets one of its bytes, under the site's key."""
    if not made.get("SOPInstanceUID"):
        made.SOPInstanceUID = key.uid(hashlib.sha256(data).hexdigest())


class Redacted:
    """Pictures with black wherever ``keep`` is false; iterating starts from the first.

    All are gray, (H, W), or all in color, (H, W, 3): a clip gives its gray pictures as such even
    between those in color, and no format of files can hold both.
    """

    def __init__(self, pictures: Iterable[Picture], keep: NDArray[np.bool_]) -> None:
        self._pictures, self._keep = pictures, keep
        self._color = any(picture.ndim == 3 for picture in pictures)

    def __iter__(self) -> Iterator[Picture]:
        for picture in self._pictures:
            flat = self._color and picture.ndim == 2
            cut = np.repeat(picture[..., None], 3, axis=2) if flat else picture.copy()
            cut[~self._keep] = 0
            yield cut


@dataclass(frozen=True, slots=True)
class Writer:
    """How clean pictures of some formats are written.

    Attributes:
        sentence: what becomes of the file.
        write: from pictures, and the scan for its times and spacing, to the file.
    """

    formats: tuple[str, ...]
    suffix: str
    how: str
    sentence: str
    write: Callable[[Redacted, Scan], bytes]


WRITERS = (
    Writer(
        ("png", "bmp", "webp", "jpeg", "gif", "tiff", "heif", "avif", "mjpeg"),
        ".png",
        "lossless",
        "one picture: a PNG of its critical chunks alone; several: an animated PNG where their "
        "times are known, else a TIFF; with the shape of its pixels if they are no squares",
        lambda pictures, scan: stills.png(next(iter(pictures)), _aspect(scan)),
    ),
    Writer(
        ("nifti", "mha", "hdf5", "mat", "npy", "npz", "ultrasonix"),
        ".nii.gz",
        "lossless",
        "a NIfTI-1 file whose header is written field by field, without description or extension",
        lambda pictures, scan: volumes.nifti(list(pictures), scan.spacing, scan.signs, scan.times),
    ),
    Writer(
        ("nrrd",),
        ".nrrd",
        "lossless",
        "a NRRD file of the fields that its pixels need, without keys and values",
        lambda pictures, scan: volumes.nrrd(list(pictures), scan.spacing, scan.times),
    ),
    Writer(
        ("mp4", "mov", "avi", "mpeg", "mkv", "asf", "flv", "h264", "hevc", "m4v"),
        ".mp4",
        "video",
        "an MP4 of one H.264 track (4:4:4, quantizer 4), without sound, titles, tags or SEI",
        lambda pictures, scan: video.mp4(pictures, scan.times, aspect=_aspect(scan)),
    ),
)
BY_FORMAT = {name: writer for writer in WRITERS for name in writer.formats}


def _aspect(scan: Scan) -> tuple[int, int]:
    """How wide a pixel is to how high, in small whole numbers, which can spell nothing."""
    return shape_of(*scan.spacing) if scan.spacing else scan.aspect


def _loose(
    scan: Scan, data: bytes, pictures: Redacted, keep: NDArray[np.bool_]
) -> tuple[bytes, str, str, NDArray[np.uint8]]:
    """The file, its suffix, how its pixels were written, and where they show what they did."""
    # A mask lies over the picture as it is shown; over the blocks of one that is turned, elsewhere
    if scan.format == "jpeg" and not scan.color.startswith("rgb") and jpeg_turn(data) == 1:
        redacted = jpeg.redacted(data, jpeg.Mask.of(keep))
        if redacted is not None:
            return (
                jpeg.shaped(redacted.data, scan.aspect),
                ".jpg",
                "dct",
                dicom.written_mask(redacted.left, redacted.gray),
            )
    mask = dicom.written_mask(keep, np.zeros_like(keep))
    writer = BY_FORMAT[scan.format]
    if writer.suffix == ".png" and scan.declared_frames > 1:
        if scan.times is not None:
            made = stills.shaped(stills.animation(pictures, scan.times), _aspect(scan))
            return made, ".png", "lossless", mask
        return stills.tiff(pictures, _aspect(scan)), ".tiff", "lossless", mask
    return writer.write(pictures, scan), writer.suffix, writer.how, mask


def _demand_black(written: Iterable[Picture], keep: NDArray[np.bool_]) -> None:
    """Hold what was written against the mask.

    Raises:
        Reject: ``not_clean`` if a picture has another size or shows anything outside the mask.
    """
    for picture in written:
        if picture.shape[:2] != keep.shape or picture[~keep].max(initial=0) > BLACK:
            raise Reject(Reason.NOT_CLEAN, "the written pictures show more than the mask allows")

"""Lines for a site's file, from what its first uploads are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.taxonomy.devices import UNKNOWN
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.sidecars.tally import Tally
    from echoatlas.pipeline.sites.site_profile import SiteProfile
    from echoatlas.schemas.config.site import SiteConfig

MOSTLY = 0.8  # share from which a site is taken to be like its first uploads
FEW = 5  # objects from which it is


def suggestions(
    site: SiteConfig, found: SiteProfile, tally: Tally, *, controlled: bool
) -> list[str]:
    """Lines that might be right; each can be put into the site's file as it stands.

    Args:
        controlled: whether it is said, or need not be, when an upload has come whole.
    """
    lines: list[str] = []
    organ, number = _commonest(found)
    damaged = sum(found.rejected.get(one, 0) for one in ("truncated", "frame_mismatch"))
    understood = sum(found.organs.values()) - found.organs.get(UNKNOWN, 0)
    if not site.labels.organ and understood >= FEW and number >= MOSTLY * understood:
        lines.append(
            f"labels: {{organ: {organ}}}  # of {number} in {number_of(understood, 'object')}"
        )
    if not site.cropped and found.rejected.get("no_fan", 0) >= max(FEW, MOSTLY / 2 * found.looked):
        lines.append("cropped: true  # if the pictures were cropped to the scanned area")
    if not site.partial and damaged >= FEW:
        lines.append("partial: true  # keep the good frames of damaged clips")
    if site.patient.source == "auto" and found.nameless >= max(FEW, MOSTLY * found.looked):
        lines.append("patient: {source: folder}  # if each patient's files lie in a folder")
    if not site.sidecar.min_matched and tally.files >= FEW and tally.share >= MOSTLY:
        least = int(tally.share * 10) / 10
        lines.append(
            f"sidecar: {{min_matched: {least:g}}}  # tables name {tally.share:.0%} of files"
        )
    if not controlled:
        lines.append("uploads: {quiet_minutes: 10}  # else files are taken as they come")
    return lines


def _commonest(found: SiteProfile) -> tuple[str, int]:
    known = [(number, path) for path, number in found.organs.items() if path != UNKNOWN]
    number, path = max(known, default=(0, ""))
    return path, number

"""What rows depend on besides the bytes of their object: one mark for frames, one for evidence.

Evidence has a mark of its own so that other words or rules make headers be read anew, and no
pixel be touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.read import read
from echoatlas.pipeline.step import fingerprint
from echoatlas.schemas.config.site import hashed
from echoatlas.taxonomy.collections import load

if TYPE_CHECKING:
    from echoatlas.pipeline.objects.config import JourneyConfig
    from echoatlas.schemas.config.site import SiteConfig

TOLD = "+"  # between the mark of frames and what is said of an object's copies
# What a site's file says that is in no row, or in none that a run would have to make anew
NOWHERE = {
    "bucket": True,
    "license": True,
    "consent": True,
    "country": True,
    # Of words of consent each object that they speak of is told (``Known.told``)
    "sidecar": {"min_matched", "consent", "lists", "measurements"},
    "uploads": True,
    "dicomweb": True,
    "drift": True,
    "expect": True,
}
# What evidence is read by. Devices and SNOMED's retired codes are read for other rows too.
WORDS = ("axes", "body_parts", "context", "image_types", "reports", "terms")


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What an object's rows depend on, besides its bytes.

    Attributes:
        frames: of all rows but evidence and readings: steps, settings, the site's file, the
            adapter of its collection.
        evidence: of these two: the steps read and evidence, vocabulary and tree besides.
    """

    frames: str
    evidence: str

    def with_told(self, told: str) -> Fingerprints:
        """The same for an object of whose copies something is said."""
        return replace(self, frames=f"{self.frames}{TOLD}{told}") if told else self


def fingerprints_of(config: JourneyConfig, site: SiteConfig, beside: str = "") -> Fingerprints:
    """The marks of a site's rows.

    Args:
        beside: what lies beside its scans, as it is to stand in a mark.
    """
    adapter = load(site.collection) if site.collection else None
    said = hashed(site, NOWHERE)
    shown = hashed(site, {**NOWHERE, "labels": {"organ"}})
    steps = [one for one in config.steps() if one[0] is not evidence]
    frames = fingerprint(steps, shown + (adapter.digest_of_frames if adapter else ""))
    words = "".join(vocabulary_digests().values())
    told: list[tuple[Callable[..., Any], object]] = [
        (read, config.read),
        (evidence, config.evidence),
    ]
    said = fingerprint(told, said + (adapter.digest if adapter else "") + words)
    return Fingerprints(frames + beside, said + beside)


@cache
def vocabulary_digests() -> dict[str, str]:
    """Name to the head of a SHA-256 of each file of words that evidence is read by."""
    folder = files("echoatlas.taxonomy")
    paths = {"tree": "tree.yaml", **{name: f"vocabulary/{name}.yaml" for name in WORDS}}
    return {
        f"vocabulary.{name}": hashlib.sha256(folder.joinpath(path).read_bytes()).hexdigest()[:16]
        for name, path in paths.items()
    }

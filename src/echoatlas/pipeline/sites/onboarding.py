"""Onboarding: is a site's file right, and can its bucket be read?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deployment import licensed
from echoatlas.pipeline.errors import UsageError, no_such
from echoatlas.pipeline.ingest.listing import RECEIPTS
from echoatlas.pipeline.ingest.uploads import uploaded
from echoatlas.pipeline.storage import LocalStorage
from echoatlas.schemas.config import SiteConfig, load
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Checked:
    """A site whose file is right and whose bucket can be read."""

    site: SiteConfig
    files: int
    bytes: int


def check_site(deployment: Deployment, file: Path) -> Checked:
    """Read a site's file, look its words up, and list its bucket.

    Raises:
        ConfigError: the file is wrong; names the nearest key, or collection.
        UsageError: an unknown organ, a missing or unreadable bucket.
    """
    site = load(SiteConfig, file)
    known = [node.path for node in tree().nodes]
    if site.labels.organ and site.labels.organ not in known:
        raise no_such("organ", site.labels.organ, known)
    licensed(site)  # raises if there is no such collection
    bucket = deployment.bucket(site)
    if isinstance(bucket, LocalStorage) and not bucket.root.is_dir():
        raise UsageError(f"there is no folder {bucket.root} for site '{site.site}'")
    sizes = [entry.size for entry in uploaded(bucket) if not entry.key.startswith(RECEIPTS)]
    return Checked(site, len(sizes), sum(sizes))

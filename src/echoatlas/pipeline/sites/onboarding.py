"""Onboarding: is a site's file right, and can its bucket be read?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deployment import licensed
from echoatlas.pipeline.errors import UsageError, no_such
from echoatlas.pipeline.ingest.listing import RECEIPTS, arrivals
from echoatlas.pipeline.sidecars.site import sidecars
from echoatlas.pipeline.sidecars.tally import Tally
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
    tables: Tally


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
    sizes = [entry.size for entry in bucket.list() if not entry.key.startswith(RECEIPTS)]
    listed = [(one.key, one.size) for one in arrivals(site, bucket, deployment.key())]
    return Checked(site, len(sizes), sum(sizes), sidecars(site, bucket, listed).tally)

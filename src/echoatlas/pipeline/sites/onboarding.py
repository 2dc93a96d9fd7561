"""Onboarding: is a site's file right, can its bucket be read, and what lies there?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deployment import load_site
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.sidecars.site import sidecars
from echoatlas.pipeline.sidecars.tally import Tally
from echoatlas.pipeline.storage import LocalStorage
from echoatlas.schemas.config import SiteConfig, load

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Checked:
    """A site whose file is right and whose bucket can be read.

    Attributes:
        files: that a run would read as scans or archives, as ``plan`` counts them.
        beside: tables, masks and values that lie beside those.
        bytes: of all of them.
    """

    site: SiteConfig
    files: int
    beside: int
    bytes: int
    tables: Tally

    @property
    def said(self) -> str:
        """What lies there, in words."""
        if not self.files and not self.beside:
            return f"nothing lies in {self.site.bucket} yet: is the address right?"
        beside = f" and {self.beside} tables or masks beside them" if self.beside else ""
        return f"{self.files} files{beside}, {self.bytes} bytes, in {self.site.bucket}"


def check_site(deployment: Deployment, file: Path) -> Checked:
    """Read a site's file, look its words up, and list its bucket.

    Raises:
        ConfigError: the file is wrong; names it, and the nearest key, organ or collection.
        UsageError: a missing or unreadable bucket.
    """
    load_site(file)
    site = load(SiteConfig, file)
    bucket = deployment.bucket(site)
    if isinstance(bucket, LocalStorage) and not bucket.root.is_dir():
        raise UsageError(f"there is no folder {bucket.root} for site '{site.site}'")
    listed = list(arrivals(site, bucket, deployment.key()))
    tables = sidecars(site, bucket, [(one.key, one.size) for one in listed])
    files = sum(one.key not in tables.keys for one in listed)
    size = sum(one.size for one in listed)
    return Checked(site, files, len(listed) - files, size, tables.tally)

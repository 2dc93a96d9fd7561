"""Onboarding: is a site's file right, can its bucket be read, and what does the site need of us?"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deployment import load_site
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.objects.listed import warnings_of
from echoatlas.pipeline.sidecars.site import sidecars
from echoatlas.pipeline.sidecars.tally import Tally
from echoatlas.pipeline.sites.guide import form_page, form_script, guide
from echoatlas.pipeline.sites.policy import demand_apart, make_bucket, make_user, site_policy
from echoatlas.pipeline.sites.presign import Form, upload_form
from echoatlas.pipeline.storage.storage import LocalStorage, S3Storage
from echoatlas.schemas.config.file import load
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.sidecars.patients import PatientList


@dataclass(frozen=True, slots=True)
class Checked:
    """A site whose file is right and whose bucket can be read.

    Attributes:
        files: that a run would read as scans or archives, as ``plan`` counts them.
        beside: tables, masks and values that lie beside those.
        bytes: of all of them.
        tables: how far tables speak of those. lists: what they say of patients.
    """

    site: SiteConfig
    files: int
    beside: int
    bytes: int
    tables: Tally
    lists: tuple[PatientList, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What a person should look at in its tables."""
        return self.tables.warnings() + warnings_of(self.lists)

    @property
    def sentence(self) -> str:
        """What lies there, in words."""
        if not self.files and not self.beside:
            return f"nothing lies in {self.site.bucket} yet: is the address right?"
        beside = number_of(self.beside, "table or mask beside them", "tables or masks beside them")
        told = [number_of(self.files, "file"), *([beside] if self.beside else [])]
        return f"{' and '.join(told)}, {number_of(self.bytes, 'byte')}, in {self.site.bucket}"


def file_of(deployment: Deployment, site: str) -> Path:
    """A site's file, by its path or by the site's name.

    Raises:
        UsageError: it is neither; names the nearest site.
    """
    path = Path(site)
    if path.is_file() or "/" in site or path.suffix:
        return path
    return deployment.root / deployment.config.sites / f"{deployment.site(site).site}.yaml"


def check_site(deployment: Deployment, file: Path, *, make: bool = False) -> Checked:
    """Read a site's file, look its words up, and list its bucket.

    Args:
        make: make the bucket on S3 if it is not there.

    Raises:
        ConfigError: the file is wrong; names it, and the nearest key, organ or collection.
        UsageError: a missing or unreadable bucket.
    """
    load_site(file)
    site = load(SiteConfig, file)
    demand_apart(deployment, site)
    bucket = deployment.bucket(site)
    if make and isinstance(bucket, S3Storage):
        site_policy(bucket)  # or else nothing is made
        make_bucket(bucket)
    if isinstance(bucket, LocalStorage) and not bucket.root.is_dir():
        raise UsageError(f"there is no folder {bucket.root} for site '{site.site}'")
    listed = list(arrivals(site, bucket, deployment.key()))
    tables = sidecars(site, bucket, [(one.key, one.size) for one in listed])
    files = sum(one.key not in tables.keys for one in listed)
    size = sum(one.size for one in listed)
    return Checked(site, files, len(listed) - files, size, tables.tally, tables.lists)


FOLDER = "onboarding"  # of the deployment: what is handed to sites
CREDENTIALS = "credentials.ini"


@dataclass(frozen=True, slots=True)
class Handed:
    """What was written for a site, to be handed to it.

    Attributes:
        folder: with guide, policy and credentials.
        user: of the service, with the site's policy alone; "" if none was made.
        keys: whether keys were made for it; a user that was there keeps those it has.
    """

    folder: Path
    user: str = ""
    keys: bool = False


def hand_out(deployment: Deployment, site: SiteConfig, *, user: bool = False) -> Handed | None:
    """Write a site's guide and policy, and make its user if that is asked for.

    Returns:
        None where there is nothing to hand out: the bucket is no bucket.

    Raises:
        UsageError: the user can't be made.
    """
    bucket = deployment.bucket(site)
    if not isinstance(bucket, S3Storage):
        if user:
            raise UsageError(f"{site.bucket} is no bucket of S3: there is no user to make for it")
        return None
    folder = deployment.root / FOLDER / site.site
    folder.mkdir(parents=True, exist_ok=True)
    page, text = guide(bucket, site)
    policy = json.dumps(site_policy(bucket), indent=2) + "\n"
    for name, said in (("guide.html", page), ("guide.txt", text), ("policy.json", policy)):
        (folder / name).write_text(said, "utf-8")
    if not user:
        return Handed(folder)
    name = f"{deployment.config.name}-{site.site}"
    key, secret = make_user(bucket, name)
    if key:
        _write_secret(
            folder / CREDENTIALS,
            f"[{site.site}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n",
        )
    return Handed(folder, name, bool(key))


def hand_out_form(
    deployment: Deployment, site: SiteConfig, upload: str, hours: float, max_mb: int | None
) -> tuple[Form, tuple[Path, Path]]:
    """Write a form for one upload of a site, as a page for browsers and as a script for curl.

    Raises:
        UsageError: the bucket is none of S3, or the form can't be signed.
    """
    bucket = deployment.bucket(site)
    if not isinstance(bucket, S3Storage):
        raise UsageError(f"{site.bucket} is no bucket of S3: a form can't be signed for it")
    form = upload_form(bucket, upload, hours, max_mb or site.uploads.max_mb)
    folder = deployment.root / FOLDER / site.site
    folder.mkdir(parents=True, exist_ok=True)
    page, script = folder / f"form-{upload}.html", folder / f"form-{upload}.sh"
    _write_secret(page, form_page(site, form))
    _write_secret(script, form_script(form))
    return form, (page, script)


def _write_secret(path: Path, text: str) -> None:
    """Write what only its owner may read, from the first byte on."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)

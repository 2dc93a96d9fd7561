"""Which uploads have come whole: by a manifest, by a marker, or because nothing has changed.

An upload is a folder right below the bucket's address; what lies beside the folders is one more. A
store gives every object whole or not at all, so what is still being written shows itself only by
what is not there yet. Trusted zone: names of files.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.ingest.uploads import RECEIPTS
from echoatlas.pipeline.read.text import text_of
from echoatlas.pipeline.storage.storage import Entry, Storage

if TYPE_CHECKING:
    from echoatlas.schemas.config.intake import Uploads
    from echoatlas.schemas.config.site import SiteConfig

MOST_MANIFEST = 256 << 20  # bytes: two million names
# What sha256sum prints: a digest, a blank, and a blank or the star of binary mode
SUMMED = re.compile(r"\\?([0-9A-Fa-f]{64}) [ *](.+)")
MINUTE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of all uploads of a site: what is left alone for now, and what manifests say.

    Attributes:
        waiting: keys of files of uploads that have not come whole.
        missing: folder to the names that its manifest lists and that have not come.
        promised: key to the SHA-256, hex, that a manifest names.
        next_look: when the next upload may be complete by being quiet, seconds since 1970; None
            where none will be.
    """

    waiting: frozenset[str] = frozenset()
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    promised: Mapping[str, str] = field(default_factory=dict)
    next_look: float | None = None


def upload_folder(key: str) -> str:
    """The folder of the upload that a key belongs to; "" for what lies beside the folders."""
    return key.split("/", 1)[0] if "/" in key else ""


def is_control(uploads: Uploads, key: str) -> bool:
    """Whether a file only says that an upload has come whole."""
    if not key.endswith((uploads.marker, uploads.manifest)):
        return False
    folder, name = upload_folder(key), key.rpartition("/")[2]
    return name in (uploads.marker, uploads.manifest) and key in (name, f"{folder}/{name}")


def completeness(
    site: SiteConfig,
    bucket: Storage,
    listed: Iterable[Entry],
    now: float,
    writing: Collection[str] = (),
) -> Completeness:
    """Tell which uploads have come whole.

    Args:
        listed: everything in the bucket.
        now: seconds since 1970.
        writing: keys of multipart uploads that were begun and not finished.

    Raises:
        UsageError, Retry: a manifest can't be read.
    """
    rule = site.uploads
    every = list(listed)
    controls = {one.key: one for one in every if is_control(rule, one.key)}
    if not controls and not rule.quiet_minutes and not rule.marked_only:
        return Completeness(missing=bucket.absent())
    waiting: set[str] = set()
    missing = dict(bucket.absent())
    promised: dict[str, str] = {}
    looks: list[float] = []
    files = [one for one in every if one.key not in controls and not one.key.startswith(RECEIPTS)]
    for folder, group in groupby(sorted(files, key=_by_folder), _by_folder):
        entries = {one.key: one for one in group}
        start = f"{folder}/" if folder else ""
        rest = dict(entries)
        manifest = controls.get(f"{start}{rule.manifest}")
        if manifest is not None:
            names, absent = _looked_up(bucket, manifest, start, entries)
            promised |= {key: digest for key, digest in names.items() if digest}
            if absent:
                missing[folder] = absent
                waiting |= names.keys()
            rest = {key: one for key, one in entries.items() if key not in names}
        marker = controls.get(f"{start}{rule.marker}")
        if marker is not None:
            rest = {key: one for key, one in rest.items() if one.changed > marker.changed}
        if not rest:
            continue
        quiet = max(one.changed for one in rest.values()) + rule.quiet_minutes * MINUTE
        busy = any(upload_folder(key) == folder for key in writing)
        if rule.marked_only:
            waiting |= rest.keys()
        elif rule.quiet_minutes and (busy or now < quiet):
            waiting |= rest.keys()
            looks.append(max(quiet, now + MINUTE) if busy else quiet)
    missing |= _alone(bucket, controls, rule, {upload_folder(one.key) for one in files})
    return Completeness(frozenset(waiting), missing, promised, min(looks, default=None))


def _by_folder(entry: Entry) -> str:
    return upload_folder(entry.key)


def _alone(
    bucket: Storage, controls: Mapping[str, Entry], rule: Uploads, there: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The names that manifests list where nothing else has come yet, by folder."""
    return {
        folder: _looked_up(bucket, entry, f"{folder}/" if folder else "", {})[1]
        for key, entry in controls.items()
        if key.rpartition("/")[2] == rule.manifest and (folder := upload_folder(key)) not in there
    }


def _looked_up(
    bucket: Storage, manifest: Entry, start: str, entries: Mapping[str, Entry]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The keys that a manifest lists, each with its digest, and the names that are not there."""
    if manifest.size > MOST_MANIFEST:
        return {}, ()
    try:
        data = bucket.read(manifest.key)
    except FileNotFoundError:  # removed since it was listed
        return {}, ()
    except Reject:  # what it promises is not known, so that all has to wait
        return dict.fromkeys(entries, ""), (manifest.key.removeprefix(start),)
    by_form = {_plain(key.removeprefix(start)): key for key in entries}
    found: dict[str, str] = {}
    absent: list[str] = []
    for name, digest in listed_names(data):
        plain = _plain(name)
        key = by_form.get(plain) or by_form.get(plain.removeprefix(f"{_plain(start)}/"))
        if key is None:
            absent.append(name)
        else:
            found[key] = digest
    return found, tuple(absent)


def listed_names(data: bytes) -> Iterator[tuple[str, str]]:
    """The names that a manifest lists, each with its SHA-256 in hex; "" where it tells none.

    Args:
        data: lines of a name, or of what ``sha256sum`` prints; in any usual encoding.
    """
    for line in (text_of(data) or "").splitlines():
        summed = SUMMED.fullmatch(line.strip("\r\ufeff"))
        name = summed[2] if summed else line.strip().strip("\ufeff")
        if not name or (name.startswith("#") and not summed):
            continue
        if summed and line.startswith("\\"):  # so sha256sum marks a name that it had to escape
            name = name.replace("\\n", "\n").replace("\\\\", "\\")
        yield name, summed[1].lower() if summed else ""


def _plain(name: str) -> str:
    """A name as clients may have changed it on its way: slashes, Unicode's forms, "./" before."""
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))

"""Receipts, where a site reads them and can't write over them: renewed when what they say changes.

The lake remembers the last one as a hash: an interrupted run owes its receipts to the next one, and
an upload of last year is not read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject, Retry, UsageError
from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.ingest.complete import upload_folder
from echoatlas.pipeline.ingest.listing import upload_id
from echoatlas.pipeline.ingest.uploads import is_readable, receipts_at
from echoatlas.pipeline.objects.listed import consent_of_patients
from echoatlas.pipeline.sidecars.site import MOST_BYTES
from echoatlas.pipeline.sidecars.tally import TableReport
from echoatlas.pipeline.sites.fates import Fates
from echoatlas.pipeline.sites.receipt_pages import pages
from echoatlas.pipeline.sites.receipts import Receipt, receipts

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.ingest.arrived import Arrived
    from echoatlas.pipeline.ingest.listing import ListedFile
    from echoatlas.pipeline.sidecars.patients import PatientList
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.values import Consent

WRITTEN = "_receipts/"  # in the lake: uploads' opaque ids, and hashes of their last receipts
ROOT = "_root"  # the receipt of what lies beside the folders
CHUNK = 64 << 20  # bytes of a file that are held at a time


def write_receipts(
    deployment: Deployment,
    arrived: Arrived,
    digests: Mapping[str, bytes] | None = None,
    other: Iterable[str] = (),
    fates: Fates | None = None,
    consents: Mapping[str, Consent] | None = None,
) -> bool:
    """Write a receipt for each upload whose outcome has changed to where the site can read it.

    Args:
        arrived: what lies in the site's bucket.
        digests: locator to SHA-256 of files that were read anyway; others are read for it.
        other: keys of files whose bytes are not those that a manifest names.
        fates: what became of the site's files, if that was read already.
        consents: what its lists take away, by patient, if that was read already.

    Returns:
        False if the bucket is read-only for us: the site then asks for its receipt instead.
    """
    site, storage = arrived.site, deployment.lake.storage
    bucket = deployment.bucket(site)
    kept = f"{WRITTEN}{site.site}.json"
    before: dict[str, str] = json.loads(storage.read(kept)) if storage.exists(kept) else {}
    fates = fates or Fates.read(deployment.lake, [site.site])[site.site]
    if consents is None:
        consents = consent_of_patients(deployment.lake, site.site)
    now = _outcomes(deployment, arrived, fates, consents, other)
    due = {upload for upload, digest in now.items() if before.get(upload) != digest}
    if not due:
        return True
    known = _Digests(deployment, site, bucket, digests or {})
    by_folder: dict[str, list[Receipt]] = {}
    for receipt in receipts(deployment, arrived, due, known.of):
        folder = upload_folder(receipt.archive or receipt.file) or ROOT
        by_folder.setdefault(folder, []).append(receipt)
    try:
        outbox = receipts_at(bucket)
        for folder, some in sorted(by_folder.items()):
            place = _named(deployment, site, folder)
            for ending, text in pages(site.site, folder, some).items():
                # A local name may be no text: then it stands there by escapes
                outbox.write(f"{place}.{ending}", text.encode(errors="backslashreplace"))
    except (UsageError, Retry):
        return False
    storage.write(kept, json.dumps(now, sort_keys=True).encode())
    return True


def _named(deployment: Deployment, site: SiteConfig, folder: str) -> str:
    """The name of a folder's receipt: its own, or its upload's opaque one where that can't be."""
    if is_readable(deployment.bucket(site), f"{folder}.json"):
        return folder
    return upload_id(site.site, folder, deployment.key())


@dataclass(slots=True)
class _Digests:
    """SHA-256 of a site's files: known to the run, told in the last receipt, or read for it."""

    deployment: Deployment
    site: SiteConfig
    bucket: Storage
    known: Mapping[str, bytes]
    told: dict[str, dict[tuple[str, int, str], str]] = field(default_factory=dict)

    def of(self, arrival: ListedFile) -> str:
        """The digest of a file, hex; "" where it can't be read, or is too large to be."""
        if arrival.odd or arrival.size > MOST_BYTES:
            return ""
        if (found := self.known.get(arrival.locator)) is not None:
            return found.hex()
        folder = upload_folder(arrival.key) or ROOT
        if folder not in self.told:
            self.told[folder] = self._last(folder)
        arrived = datetime.fromtimestamp(arrival.changed, UTC).isoformat(timespec="seconds")
        return self.told[folder].get((arrival.key, arrival.size, arrived)) or self._read(arrival)

    def _last(self, folder: str) -> dict[tuple[str, int, str], str]:
        place = f"{_named(self.deployment, self.site, folder)}.json"
        try:
            lines = json.loads(receipts_at(self.bucket).read(place))
            return {
                (one["archive"] or one["file"], one["bytes"], one["time"]): one["sha256"]
                for one in lines
            }
        except (FileNotFoundError, Reject, UsageError):
            return {}
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}  # it is of an older version, or a site wrote over it

    def _read(self, arrival: ListedFile) -> str:
        digest = hashlib.sha256()
        try:
            for start in range(0, arrival.size, CHUNK):
                length = min(CHUNK, arrival.size - start)
                digest.update(self.bucket.read(arrival.key, start, length))
        except (FileNotFoundError, Reject, Retry):
            return ""
        return digest.hexdigest()


def _outcomes(
    deployment: Deployment,
    arrived: Arrived,
    fates: Fates,
    consents: Mapping[str, Consent],
    other: Iterable[str],
) -> dict[str, str]:
    """Each upload's opaque id, and a keyed hash of what became of its files and tables."""
    site, whole = arrived.site, arrived.whole
    held = batches_held(deployment.lake.storage).get(site.site)
    rows = fates.digests(consents, held.unlike if held is not None else ())
    key = deployment.key()
    lines: list[tuple[str, str]] = []

    def say(place: str, kind: str, text: str) -> None:
        lines.append((upload_id(site.site, upload_folder(place), key), key.pseudonym(kind, text)))

    spoken: Iterable[TableReport | PatientList] = (*arrived.tables.told, *arrived.tables.lists)
    for one in spoken:
        place = one.table if isinstance(one, TableReport) else one.key
        say(place, "table", json.dumps(asdict(one), sort_keys=True))
    for name in whole.waiting:
        say(name, "waits", name)
    for name in other:
        say(name, "differs", f"{name}\0{whole.promised.get(name)}")
    digests = {upload: hashlib.blake2b(row, digest_size=16) for upload, row in rows.items()}
    for folder, names in whole.missing.items():
        absent = key.pseudonym("missing", json.dumps(names))
        lines.append((upload_id(site.site, folder, key), absent))
    for upload, line in sorted(lines):
        digest = digests.setdefault(upload, hashlib.blake2b(digest_size=16))
        digest.update(line.encode() + b"\n")
    return {upload: digest.hexdigest() for upload, digest in digests.items()}

"""Receipts: what a site reads back about the files that it dropped, in its own zone.

An upload's receipt is written anew when what became of its files has changed since the last one,
which the lake remembers as a hash: an interrupted run owes its receipts to the next one, and an
upload of last year is not read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from echoatlas.pipeline.errors import Retry, UsageError, sentence_of
from echoatlas.pipeline.ingest.listing import RECEIPTS, arrivals, upload_id
from echoatlas.pipeline.ingest.uploads import is_readable
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.sidecars.site import ArchiveTables, sidecars
from echoatlas.pipeline.sidecars.tally import Told, tally
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.schemas.config import SiteConfig

WRITTEN = "_receipts/"  # in the lake: uploads' opaque ids, and hashes of their last receipts


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file, as its site names it. Holds PHI: for the site's own zone only.

    Attributes:
        reason, sentence: why it was rejected; of a duplicate, why the object was whose bytes it
            repeats, as these are rejected wherever they lie; of a table, what was read of it.
        table: of a table, the same to be read by a program.
    """

    file: str
    object_id: str
    status: str
    reason: str
    sentence: str = ""
    table: Told | None = None


def receipts(
    deployment: Deployment, site: SiteConfig, uploads: Collection[str] | None = None
) -> list[Receipt]:
    """What became of each file in a site's bucket.

    Args:
        uploads: folders' names or their opaque ids; all uploads if not given.
    """
    lake, bucket = deployment.lake, deployment.bucket(site)
    here = pc.field("site") == site.site
    outcomes = {row["locator"]: row for row in lake.read("objects", where=here).to_pylist()}
    fates = _fates(outcomes.values())
    inside: dict[str, list[dict[str, object]]] = {}
    alone: dict[str, dict[str, object]] = {}
    for row in lake.read("sightings", where=here).to_pylist():
        if row["container"]:
            inside.setdefault(row["container"], []).append(row)
        else:
            alone[row["locator"]] = row
    listed = list(arrivals(site, bucket, deployment.key()))
    beside = sidecars(site, bucket, [(one.key, one.size) for one in listed if not one.odd])
    key = deployment.key()
    named = {upload_id(site.site, upload, key) for upload in uploads or ()}
    found: list[Receipt] = []
    spoken = {one.key: one.key for one in listed if one.key not in beside.keys}
    held: list[Told] = []
    for arrival in listed:
        if uploads is not None and arrival.upload not in {*uploads, *named}:
            continue
        if arrival.locator in inside:
            rows = {int(str(row["member"])): row for row in inside[arrival.locator]}
            names = dict.fromkeys(rows, "?")
            opening = ArchiveTables(site, bucket.read)
            for member in opening.open(arrival.key, opened(bucket.read(arrival.key))):
                names[member.index] = member.name
            held += tally(site, opening.held, opening.names)[0]
            spoken |= dict.fromkeys(opening.names, arrival.key)
            for index, name in sorted(names.items()):
                place = f"{arrival.key}!{name}"
                if index in rows:
                    found.append(_receipt(place, rows[index], outcomes, fates))
                else:
                    found.append(Receipt(place, "", "sidecar", ""))
        elif arrival.key in beside.keys:
            found.append(Receipt(arrival.key, "", "sidecar", ""))
        else:
            found.append(_receipt(arrival.key, alone.get(arrival.locator), outcomes, fates))
    looked_into = {archive for name, archive in spoken.items() if name != archive}
    files = [name for name in spoken if name not in looked_into]
    beside.tables.take(files)
    tables = {one.table: one for one in (*held, *tally(site, beside.tables, files)[0])}
    return [_of_table(one, tables.get(one.file)) for one in found]


def _of_table(receipt: Receipt, told: Told | None) -> Receipt:
    return receipt if told is None else replace(receipt, sentence=told.sentence(), table=told)


def _fates(outcomes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why each rejected object was; a duplicate is of the same id."""
    return {row["object_id"]: row["reason"] for row in outcomes if row["status"] == Status.REJECTED}


def _receipt(
    name: str,
    sighting: dict[str, object] | None,
    outcomes: dict[str, dict[str, str]],
    fates: Mapping[str, str],
) -> Receipt:
    if sighting is None:
        return Receipt(name, "", "pending", "")
    outcome = outcomes.get(str(sighting["locator"]))
    if outcome is None:
        return Receipt(name, str(sighting["object_id"]), "pending", "")
    repeats = outcome["status"] == Status.DUPLICATE
    reason = fates.get(outcome["object_id"], "") if repeats else outcome["reason"]
    sentence = sentence_of(reason) if reason else ""
    return Receipt(name, str(sighting["object_id"]), outcome["status"], reason, sentence)


def write_receipts(
    deployment: Deployment, site: SiteConfig, told: Iterable[Told] | None = None
) -> bool:
    """Write a receipt for each upload whose outcome has changed into the site's own prefix.

    Args:
        told: what is read of the site's loose tables, if that is known already.

    Returns:
        False if the bucket is read-only for us: the site then asks for its receipt instead.
    """
    storage, bucket = deployment.lake.storage, deployment.bucket(site)
    place = f"{WRITTEN}{site.site}.json"
    before: dict[str, str] = json.loads(storage.read(place)) if storage.exists(place) else {}
    if told is None:
        entries = [(one.key, one.size) for one in arrivals(site, bucket, deployment.key())]
        told = sidecars(site, bucket, entries).told
    now = _outcomes(deployment, site, told)
    due = {upload for upload, digest in now.items() if before.get(upload) != digest}
    if not due:
        return True
    by_folder: dict[str, list[Receipt]] = {}
    for receipt in receipts(deployment, site, due):
        folder = receipt.file.split("/", 1)[0] if "/" in receipt.file else "_root"
        by_folder.setdefault(folder, []).append(receipt)
    try:
        for folder, listed in sorted(by_folder.items()):
            # A local name may be no text: then it stands there by JSON's own escapes
            text = "".join(_lines(listed)).encode(errors="backslashreplace")
            bucket.write(f"{RECEIPTS}{_named(deployment, site, folder)}.json", text)
    except (UsageError, Retry):
        return False
    storage.write(place, json.dumps(now, sort_keys=True).encode())
    return True


def _named(deployment: Deployment, site: SiteConfig, folder: str) -> str:
    """The name of a folder's receipt: its own, or its upload's opaque one where that can't be."""
    if is_readable(deployment.bucket(site), f"{RECEIPTS}{folder}.json"):
        return folder
    return upload_id(site.site, folder, deployment.key())


def _outcomes(deployment: Deployment, site: SiteConfig, told: Iterable[Told]) -> dict[str, str]:
    """Each upload's opaque id, and a keyed hash of what became of its files and tables."""
    here = pc.field("site") == site.site
    columns = ["upload", "locator", "status", "reason"]
    lake = deployment.lake
    outcomes = lake.read("objects", [*columns, "object_id"], here).to_pylist()
    fates = _fates(outcomes)
    lines: list[tuple[str, ...]] = [
        (*(row[column] for column in columns), fates.get(row["object_id"], "")) for row in outcomes
    ]
    lines += [tuple(row.values()) for row in lake.read("sightings", columns[:2], here).to_pylist()]
    key = deployment.key()
    for one in told:
        folder = one.table.split("/", 1)[0] if "/" in one.table else ""
        said = key.pseudonym("table", json.dumps(asdict(one), sort_keys=True))
        lines.append((upload_id(site.site, folder, key), said))
    digests: dict[str, Any] = {}
    for line in sorted(lines):
        digest = digests.setdefault(line[0], hashlib.blake2b(digest_size=16))
        digest.update("\0".join(line).encode() + b"\n")
    return {upload: digest.hexdigest() for upload, digest in digests.items()}


def _lines(listed: list[Receipt]) -> Iterator[str]:
    yield "[\n"
    for number, receipt in enumerate(listed):
        comma = "," if number + 1 < len(listed) else ""
        said = {name: value for name, value in asdict(receipt).items() if value is not None}
        yield f"  {json.dumps(said, ensure_ascii=False)}{comma}\n"
    yield "]\n"

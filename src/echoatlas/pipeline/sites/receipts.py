"""Receipts: what became of each file that a site dropped, by the site's own names for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import Reject, sentence_of
from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.ingest.listing import upload_id
from echoatlas.pipeline.objects.listed import consent_of_patients, sentence_on
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.read.consent import strictest
from echoatlas.pipeline.sidecars.site import ArchiveTables
from echoatlas.pipeline.sidecars.tally import TableReport, tally
from echoatlas.pipeline.sites.advice import OTHER_BYTES, OWN, advice_on
from echoatlas.schemas.values import Consent, Status

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.gate.held import Unlike
    from echoatlas.pipeline.ingest.arrived import Arrived
    from echoatlas.pipeline.ingest.listing import ListedFile
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.site import SiteConfig

OUTCOME = ("locator", "object_id", "patient", "status", "reason", "consent", "flags")
SEEN = ("locator", "object_id", "container", "member", "ordinal")
WAITS = "Its upload has not come whole: it is taken when it has."
UNLIKE = (
    "It is not like what came before in number or kind, so a person looks at it before it is taken."
)
ABSENT = "The upload's manifest lists this file, and it has not come."
NO_CONSENT = {
    Consent.WITHDRAWN.value: "Consent was withdrawn: no release from now on will hold it.",
    Consent.REFUSED.value: "Consent was refused: no release will hold it.",
    Consent.UNCLEAR.value: "What is said of consent is not understood: no release will hold it.",
    Consent.RESTRICTED.value: "Consent was given with restrictions: no release will hold it that "
    "is handed on or made for products.",
}
LEFT_OUT = {
    "mask_mismatch": "A mask in it is of another size, or of nobody knows which of its pictures "
    "(of a clip send one of each frame, or pictures and masks with numbers), or what is drawn may "
    "lie as the file says that it is turned, or not (send the picture as it is shown)",
    "mask_unlike": "A mask in it holds other values than masks do",
    "mask_unreadable": "A mask of it can't be read",
    "mask_text": "A mask of it shows text",
}
OTHER = "Its bytes are not those that the upload's manifest names."


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file, as its site names it. Holds PHI: for the site's own zone only.

    Attributes:
        file: its name; of a member of an archive, that of both, joined by "!".
        status: of the lake, or "sidecar" of a table, "waiting" of what has not come whole
            or is not what a manifest names, "missing" of what a manifest lists and has not come.
        reason, sentence: why it was rejected, or what keeps it out of releases; of a duplicate,
            why the object was whose bytes it repeats, as these are rejected wherever they lie; of a
            table, what was read of it.
        advice: what the site can do about it; often empty.
        archive: of a member, the name of its archive.
        bytes, time, sha256: of the uploaded file, the archive of a member; when it arrived, and
            the hex digest, empty where it was not asked for or can't be read.
        table: of a table, its sentence to be read by a program.
    """

    file: str
    object_id: str
    status: str
    reason: str
    sentence: str = ""
    advice: str = ""
    archive: str = ""
    bytes: int = 0
    time: str = ""
    sha256: str = ""
    table: TableReport | None = None


def receipts(
    deployment: Deployment,
    arrived: Arrived,
    uploads: Collection[str] | None = None,
    digest: Callable[[ListedFile], str] = lambda _: "",
) -> list[Receipt]:
    """What became of each file in a site's bucket.

    Args:
        arrived: what lies there.
        uploads: folders' names or their opaque ids; all uploads if not given.
        digest: gives the SHA-256 of a file, hex.
    """
    site, lake, whole = arrived.site, deployment.lake, arrived.whole
    bucket, key = deployment.bucket(site), deployment.key()
    named = {upload_id(site.site, upload, key) for upload in uploads or ()}
    wanted = None if uploads is None else {*uploads, *named}
    inside: dict[str, list[dict[str, object]]] = {}
    alone: dict[str, dict[str, object]] = {}
    for row in lake.read("sightings", SEEN, _of(site, wanted)).to_pylist():
        if row["container"]:
            inside.setdefault(row["container"], []).append(row)
        else:
            alone[row["locator"]] = row
    known = _Known.of(lake, site, wanted)
    beside = arrived.tables
    found: list[Receipt] = []
    looked_into: dict[str, list[str]] = {}  # of archives, what a table may speak of
    held: list[TableReport] = []
    for arrival in arrived.listing.of_uploads(wanted):
        about = _About.of(arrival, digest(arrival), whole.promised)
        if arrival.locator in inside:
            rows = {int(str(row["member"])): row for row in inside[arrival.locator]}
            names = dict.fromkeys(rows, "?")
            opening = ArchiveTables(site, bucket.read)
            with suppress(FileNotFoundError, Reject):  # it was there when its members were named
                for member in opening.open(arrival.key, opened(bucket.read(arrival.key))):
                    names[member.index] = member.name
            held += tally(site, opening.held, opening.names)[0]
            if opening.names:
                looked_into[arrival.key] = opening.names
            for index, name in sorted(names.items()):
                said = known.said_of(rows[index]) if index in rows else TABLE
                found.append(about.receipt(f"{arrival.key}!{name}", said))
        elif arrival.key in beside.keys:
            found.append(about.receipt(arrival.key, TABLE))
        elif arrival.locator not in alone and arrival.key in whole.waiting:
            found.append(about.receipt(arrival.key, NOT_WHOLE))
        else:
            found.append(about.receipt(arrival.key, known.said_of(alone.get(arrival.locator))))
    for folder, absent in whole.missing.items():
        if uploads is None or {folder, upload_id(site.site, folder, key)} & {*uploads}:
            start = f"{folder}/" if folder else ""
            found += [Receipt(start + name, "", "missing", "", ABSENT) for name in absent]
    tables = {one.table: one for one in (*held, *_reports(arrived, looked_into))}
    told = {one.key: sentence_on(one) for one in beside.lists}
    if not tables and not told:
        return found
    return [_of_table(one, tables.get(one.file), told.get(one.file, "")) for one in found]


def _reports(arrived: Arrived, looked_into: Mapping[str, Iterable[str]]) -> list[TableReport]:
    """What is read of the loose tables; archives that were opened stand for their members."""
    tables = arrived.tables.tables
    if not tables.placed:
        return []
    names = (one for one in arrived.listing.names() if one not in arrived.tables.keys)
    files = [member for name in names for member in looked_into.get(name, (name,))]
    tables.take(files)
    return tally(arrived.site, tables, files)[0]


class Said(NamedTuple):
    """What is said of an object, or of a file that is none."""

    object_id: str
    status: str
    reason: str = ""
    sentence: str = ""
    advice: str = ""


TABLE = Said("", "sidecar")
NOT_WHOLE = Said("", "waiting", sentence=WAITS)
UNNAMED = Said("", "pending")


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of an uploaded file itself.

    Attributes:
        other: its bytes are not those that a manifest names.
    """

    arrival: ListedFile
    time: str
    digest: str
    other: bool

    @staticmethod
    def of(arrival: ListedFile, digest: str, promised: Mapping[str, str]) -> _About:
        at = datetime.fromtimestamp(arrival.changed, UTC) if arrival.changed else None
        other = bool(digest) and promised.get(arrival.key, digest) != digest
        return _About(arrival, at.isoformat(timespec="seconds") if at else "", digest, other)

    def receipt(self, file: str, said: Said) -> Receipt:
        """The receipt of the file, or of a member of it."""
        key, other = self.arrival.key, self.other
        return Receipt(
            file,
            said.object_id,
            "waiting" if other and said.status == "pending" else said.status,
            said.reason,
            said.sentence or (OTHER if other else ""),
            OTHER_BYTES if other else said.advice,
            key if file != key else "",
            self.arrival.size,
            self.time,
            self.digest,
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the lake says of a site's objects.

    Attributes:
        outcomes: by locator.
        fates, details, remarks: by object: why it was rejected, what quarantine says of that, and
            what releases leave out of it.
        unlike: of the batch that is held back, what waits for a person.
    """

    outcomes: Mapping[str, Mapping[str, str]]
    fates: Mapping[str, str]
    details: Mapping[str, str]
    remarks: Mapping[str, str]
    unlike: tuple[Unlike, ...]

    @staticmethod
    def of(lake: Lake, site: SiteConfig, uploads: Collection[str] | None) -> _Known:
        outcomes, of_objects = _outcomes(lake, site, uploads)
        remarks = remarks_on(of_objects, consent_of_patients(lake, site.site))
        held = batches_held(lake.storage).get(site.site)
        return _Known(
            outcomes,
            fates_of(of_objects),
            _details(lake, site, of_objects),
            remarks,
            held.unlike if held is not None else (),
        )

    def said_of(self, sighting: Mapping[str, object] | None) -> Said:
        """What became of an object."""
        if sighting is None:
            return UNNAMED
        object_id = str(sighting["object_id"])
        outcome = self.outcomes.get(str(sighting["locator"]))
        if outcome is None:
            waits = any(one.holds(int(str(sighting["ordinal"]))) for one in self.unlike)
            return Said(object_id, "pending", sentence=UNLIKE if waits else "")
        same = outcome["object_id"]
        repeats = outcome["status"] == Status.DUPLICATE
        reason = self.fates.get(same, "") if repeats else outcome["reason"]
        sentence = sentence_of(reason) if reason else self.remarks.get(same, "")
        advice = advice_on(reason, self.details.get(same, ""))
        return Said(object_id, outcome["status"], reason, sentence, advice)


def _of(site: SiteConfig, uploads: Collection[str] | None) -> pc.Expression:
    """Rows of a site, and of some of its uploads; of those that name none they may be as well."""
    here = pc.field("site") == site.site
    return here if uploads is None else here & pc.field("upload").isin(sorted({*uploads, ""}))


def _outcomes(
    lake: Lake, site: SiteConfig, uploads: Collection[str] | None
) -> tuple[dict[str, dict[str, str]], list[dict[str, str]]]:
    """Outcomes of some uploads by locator, and all that say what became of their objects."""
    some = lake.read("objects", OUTCOME, _of(site, uploads)).to_pylist()
    others: list[dict[str, str]] = []
    copies = sorted({row["object_id"] for row in some if row["status"] == Status.DUPLICATE})
    if uploads is not None and copies:  # what they are copies of may lie in any upload
        where = _of(site, None) & pc.field("object_id").isin(copies)
        others = lake.read("objects", OUTCOME, where).to_pylist()
    return {row["locator"]: row for row in some}, [*some, *others]


def _of_table(receipt: Receipt, told: TableReport | None, of_patients: str) -> Receipt:
    if told is None and not of_patients:
        return receipt
    said = [told.sentence()] if told is not None else []
    return replace(receipt, sentence=" ".join([*said, of_patients]).strip(), table=told)


def fates_of(outcomes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why each rejected object was; a duplicate is of the same id."""
    return {row["object_id"]: row["reason"] for row in outcomes if row["status"] == Status.REJECTED}


def _details(lake: Lake, site: SiteConfig, outcomes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What stands in quarantine of rejected objects, where it says what to do about them."""
    ids = sorted({row["object_id"] for row in outcomes if row["status"] == Status.REJECTED})
    those = pc.field("object_id").isin(pa.array(ids, pa.string()))  # also of nobody
    rows = lake.read("quarantine", ["object_id", "detail"], _of(site, None) & those)
    return {
        one["object_id"]: one["detail"] for one in rows.to_pylist() if OWN.search(one["detail"])
    }


def remarks_on(
    outcomes: Iterable[Mapping[str, Any]], listed: Mapping[str, Consent]
) -> dict[str, str]:
    """Sentences on objects that were kept, of which releases leave out something, or all.

    Args:
        listed: what lists of patients say of each.
    """
    found = {}
    for row in outcomes:
        flags = row["flags"].split() if row["status"] == Status.KEPT else ()
        consent = strictest((row["consent"], listed.get(row["patient"], Consent.UNSAID)))
        said = [NO_CONSENT[consent]] if flags != () and consent in NO_CONSENT else []
        said += [f"{LEFT_OUT[flag]}: it is left out." for flag in flags if flag in LEFT_OUT]
        if said:
            found[row["object_id"]] = " ".join(said)
    return found

"""Take a filled-in review sheet back, and take what leaks out of the lake.

Of a sheet only closed codes are kept. A note may quote what its author saw, so none is read.
"""

from __future__ import annotations

import csv
import hmac
import io
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.audit.sheet import COLUMNS, Drawn
from echoatlas.pipeline.errors import CheckFailed, Reason, UsageError, unreadable
from echoatlas.pipeline.label.review import AUTHOR
from echoatlas.pipeline.lake.staged import write_part
from echoatlas.pipeline.lake.write_ahead_log import Intent, log
from echoatlas.pipeline.release.findings import HELD_BACK, REVIEWED, standing
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.run.commit import carry_out, recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.lake_steps import renew_lake
from echoatlas.pipeline.run.metrics import tell_books
from echoatlas.pipeline.spreadsheet import told_lines
from echoatlas.schemas.rows.log import FindingRow
from echoatlas.schemas.rows.objects import AuditRow, ObjectRow, QuarantineRow
from echoatlas.schemas.tables import BY_ROW, TABLES, to_arrow
from echoatlas.schemas.values import AuditVerdict, ReviewVerdict, Status

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage

Outcome = ObjectRow | AuditRow | QuarantineRow


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        findings: new ones, by verdict; what stood already is not counted again.
        gone: frames of the sheet that are no longer in the lake: nothing is left to judge.
        quarantined: ids of objects that were taken out of the lake.
        releases: published releases that hold their pictures; they can't be changed.
    """

    findings: dict[str, int]
    gone: int
    quarantined: tuple[str, ...]
    releases: tuple[str, ...]


def import_sheet(deployment: Deployment, source: Path, author: str, day: date) -> Imported:
    """Write down what a reviewer found, and quarantine the objects of frames that leak.

    Objects with a frame that leaks or may leak go into quarantine whole, and with them every
    object of the same bytes or with a frame that duplicates it, if only nearly. They stay there
    until somebody retries the reason by name, whatever settings change. Findings and quarantine
    are one commit.

    Args:
        author: id of the reviewer: letters, digits and ".-_", so that it is no name.
        day: when it was decided.

    Raises:
        UsageError: a column is missing, a verdict is none, or a row was not drawn by this
            deployment; names the line. Or another run holds the lake.
        CheckFailed: it was done, and labels or duplicates of the others do not pass the gate.
    """
    if not AUTHOR.fullmatch(author):
        raise UsageError("--by is an id of letters, digits and .-_, such as reviewer-1")
    said = _read(deployment, source)
    lake, run_id = deployment.lake, f"review-{secrets.token_hex(6)}"
    with lake.held(run_id) as lock:
        if lock.before:
            recover(lake, lock.before)
        frames = _frames(lake, said)
        fresh = _fresh(lake, said, frames, author, day)
        leaking = {row.pixel_hash for row in fresh if row.verdict in HELD_BACK}
        objects = _alike(lake, leaking)
        _commit(deployment, run_id, fresh, objects)
        refused: list[str] = []
        if objects:
            refused = renew_lake(deployment, run_id)
            tell_books(lake.storage, balance(lake))
    if refused:
        raise CheckFailed(f"the objects are in quarantine, but {refused[0]}")
    return Imported(
        findings={v.value: sum(row.verdict == v for row in fresh) for v in ReviewVerdict},
        gone=len(said) - len(frames),
        quarantined=tuple(objects),
        releases=_holding(deployment.releases, leaking),
    )


def purge(deployment: Deployment) -> int:
    """Delete for good the pictures and rows that only old versions of the tables still hold.

    A quarantined object's are gone from every table, but Delta keeps the files of former versions.

    Returns:
        Number of files deleted.

    Raises:
        UsageError: another run holds the lake.
    """
    lake = deployment.lake
    with lake.held(f"purge-{secrets.token_hex(6)}") as lock:
        if lock.before:
            recover(lake, lock.before)
        return sum(lake.vacuum(name) for name in TABLES)


def _read(deployment: Deployment, source: Path) -> dict[str, tuple[Drawn, ReviewVerdict]]:
    key = deployment.key()
    found = {}
    try:
        text = source.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(unreadable(source, error)) from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    with told_lines(reader, source):
        missing = set(COLUMNS) - {"note"} - set(reader.fieldnames or ())
        if missing:
            raise UsageError(f"{source}: column '{min(missing)}' is missing")
        for row in reader:
            drawn, verdict, ticket = _row(row, f"{source}, line {reader.line_num}")
            if not hmac.compare_digest(ticket.encode(), drawn.ticket(key).encode()):
                raise UsageError(
                    f"{source}, line {reader.line_num}: this row is not as it was drawn: only "
                    "verdict and note may be changed"
                )
            found[drawn.frame_id] = drawn, verdict
    return found


def _row(row: Mapping[str, str | None], where: str) -> tuple[Drawn, ReviewVerdict, str]:
    told = {name: (row.get(name) or "").strip() for name in COLUMNS}
    verdict = told["verdict"].lower() or ReviewVerdict.OPEN.value
    if verdict not in set(ReviewVerdict):
        # What stands there may be a note in the wrong column: it is not repeated.
        raise UsageError(f"{where}: a verdict is leak, clean or unsure")
    parts = (told[name] for name in ("frame_id", "population", "drawn", "stratum", "risk"))
    return Drawn(*parts), ReviewVerdict(verdict), told["ticket"]


def _frames(lake: Lake, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of the frames that are in the lake: object, fingerprint and pixels."""
    wanted = pc.field("frame_id").isin(pa.array(sorted(ids), pa.string()))
    columns = ["frame_id", "object_id", "pixel_hash", "fingerprint"]
    found = lake.read("measures", columns, wanted).to_pylist()
    return {row["frame_id"]: row for row in found}


def _fresh(
    lake: Lake,
    said: Mapping[str, tuple[Drawn, ReviewVerdict]],
    frames: Mapping[str, Mapping[str, Any]],
    author: str,
    day: date,
) -> list[FindingRow]:
    """The findings that say something new: the same sheet twice is one import."""
    before = lake.read("findings")
    mine = {
        (row["frame_id"], row["population"]): row["verdict"]
        for row in standing(before.filter(pc.equal(before.column("author"), author)))
    }
    ordinal = 1 + (pc.max(before.column("ordinal")).as_py() or 0)
    return [
        FindingRow(
            author=author,
            ordinal=ordinal,
            verdict=verdict.value,
            decided=day.isoformat(),
            drawn=drawn.drawn,
            population=drawn.population,
            stratum=drawn.stratum,
            risk=drawn.risk,
            **frames[frame_id],
        )
        for frame_id, (drawn, verdict) in sorted(said.items())
        if frame_id in frames and mine.get((frame_id, drawn.population)) != verdict
    ]


def _alike(lake: Lake, pixels: Iterable[str]) -> list[str]:
    """Objects with a frame of these pixels or one that duplicates it, also if only nearly, and
    objects of the same bytes as one of those."""

    def among(table: str, column: str, values: Iterable[str], wanted: str) -> set[str]:
        where = pc.field(column).isin(pa.array(sorted(values), pa.string()))
        return set(lake.read(table, [wanted], where).column(0).to_pylist())

    same = among("measures", "pixel_hash", pixels, "frame_id")
    clusters = among("duplicates", "frame_id", same, "cluster")
    same |= among("duplicates", "cluster", clusters, "frame_id")
    ids = among("measures", "frame_id", same, "object_id")
    kept = lake.read("objects", ["object_id", "content_id"], pc.field("status") == Status.KEPT)
    by_content = {row["content_id"] for row in kept.to_pylist() if row["object_id"] in ids}
    return sorted(row["object_id"] for row in kept.to_pylist() if row["content_id"] in by_content)


def _commit(
    deployment: Deployment, run_id: str, findings: list[FindingRow], objects: list[str]
) -> None:
    """Findings and quarantine together: written down before they are carried out."""
    if not findings:
        return
    lake = deployment.lake
    rows: list[object] = [*_out_of_the_lake(lake, objects), *findings]
    rows.sort(key=_table)
    parts = tuple(
        write_part(lake.storage, to_arrow(table, some), table, f"part-{run_id}-{table}")
        for table, some in groupby(rows, key=_table)
    )
    intent = Intent(run_id, parts, tuple(objects))
    log(lake.storage, intent)
    carry_out(lake, [intent], deployment.config.engine.retries)


def _out_of_the_lake(lake: Lake, objects: list[str]) -> list[Outcome]:
    """The rows that say that kept objects are quarantined.

    What de-identification did to them stays in the audit, and their pseudonyms in ``objects``, so
    that an erasure finds them.
    """
    among = pc.field("object_id").isin(pa.array(objects, pa.string()))
    kept = among & (pc.field("status") == Status.KEPT)
    audits = {
        row["object_id"]: AuditRow(**row) for row in lake.read("audit", where=among).to_pylist()
    }
    reason = Reason.SEEN_BY_REVIEWER
    rows: list[Outcome] = []
    for outcome in (ObjectRow(**row) for row in lake.read("objects", where=kept).to_pylist()):
        mark = f"{REVIEWED}{outcome.fingerprint}"
        done = audits[outcome.object_id]
        codes = " ".join(sorted({*done.verdicts.split(), reason.value}))
        rows += [
            replace(
                outcome, status=Status.REJECTED, reason=reason.value, frames=0, fingerprint=mark
            ),
            replace(done, verdict=AuditVerdict.QUARANTINED, verdicts=codes, fingerprint=mark),
            QuarantineRow(
                object_id=outcome.object_id,
                site=outcome.site,
                upload=outcome.upload,
                step="review",
                reason=reason.value,
                detail=reason.sentence,
                locator=outcome.locator,
                fingerprint=mark,
            ),
        ]
    return rows


def _table(row: object) -> str:
    return BY_ROW[type(row)].name


def _holding(releases: Storage, pixels: set[str]) -> tuple[str, ...]:
    if not pixels:
        return ()
    asked = pa.array(sorted(pixels), pa.string())
    return tuple(name for name in living_names(releases) if _holds(releases, name, asked))


def _holds(releases: Storage, name: str, pixels: pa.Array) -> bool:
    index = index_columns_of(releases, manifest_of(releases, name), ["pixel_hash"])
    return bool(pc.any(pc.is_in(index["pixel_hash"], value_set=pixels)).as_py())

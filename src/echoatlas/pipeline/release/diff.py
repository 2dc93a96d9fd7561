"""Compare two releases: what came, what went and why, what is labeled or split otherwise."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import Connection, database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import write_named
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import Tell, living
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from echoatlas.pipeline.scratch import Allowance
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

COMPARED = ("frame_id", "object_id", "patient", "paths", "split", "site", "device", "region",
            "organ")  # fmt: skip
BY = ("site", "device", "organ")
CHANGES = ("added", "removed", "relabeled", "moved")
UNKNOWN, ERASED = "unknown", "erased"
SENTENCES: Mapping[str, str] = {
    ERASED: "erased at a patient's or a site's request",
    "quarantined": "its object was rejected since",
    "renewed": "its object was worked on anew, and the frame is another one now",
    "gone": "its object is not in the lake any more",
    "where": "the selection (--where) leaves it out",
    "review": "the scanned area is doubtful, and such frames are left out",
    "finding": "a reviewer saw, or could not rule out, identifying text",
    "license": "its license does not permit what the release is for",
    "consent": "consent was refused or withdrawn, or is not known to cover the release",
    "duplicate": "another frame that shows the same stands for it",
    "evaluation": "near to an evaluation set, or of a patient of whom something is",
    "nameless": "its file names no patient, and such files are left out",
    "anonymity": "fewer patients than min_k are alike",
    UNKNOWN: "the lake's tables of that time are not there to ask",
}
Why = Mapping[str, str]  # frame to a key of SENTENCES
# One row a frame that is in either release; what stands in its last columns is NULL on one side
JOINED = """
SELECT coalesce(a.frame_id, b.frame_id) AS frame_id, a.frame_id IS NULL AS added,
    b.frame_id IS NULL AS removed, a.paths IS DISTINCT FROM b.paths AS relabeled,
    a.split IS DISTINCT FROM b.split AS moved, a.label AS label_before, b.label AS label_after,
    a.split AS split_before, b.split AS split_after, coalesce(b.site, a.site) AS site,
    coalesce(b.device, a.device) AS device, coalesce(b.label, a.label) AS organ
FROM {old} a FULL JOIN {new} b USING (frame_id)
"""
SIDE = """(SELECT frame_id, paths, split, site, device, region ||
    CASE WHEN organ IN ('unknown', '') THEN '' ELSE '/' || organ END AS label FROM {name})"""


@dataclass(frozen=True, slots=True)
class Moved:
    """So many frames went from one label or split to another."""

    before: str
    after: str
    frames: int


@dataclass(frozen=True, slots=True)
class Erased:
    """So many frames, and patients of whom nothing else was there, were erased out of a release."""

    frames: int = 0
    patients: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """Two releases compared, in numbers of samples: of frames, or of clips if they are of these.

    Attributes:
        same: neither added, removed, relabeled nor moved.
        patients: how many came and went altogether.
        why: key of ``SENTENCES`` to frames that were removed for it.
        labels, splits: of frames in both.
        by: site, device and organ to value to change to frames.
        changes: (frame, change, before, after) of each, in order; ``before`` of a removed one is
            why it was.
        unit: "frame" or "clip": what is counted, whatever it is called here.
    """

    before: str
    after: str
    same: int
    added: int
    removed: int
    relabeled: int
    moved: int
    patients: Mapping[str, int]
    why: Mapping[str, int]
    labels: Sequence[Moved]
    splits: Sequence[Moved]
    by: Mapping[str, Mapping[str, Mapping[str, int]]]
    changes: Sequence[tuple[str, str, str, str]] = field(repr=False)
    unit: str = "frame"

    @staticmethod
    def of(counts: Mapping[str, Any]) -> Diff:
        """One of which the list of frames is not known, from its ``counts``."""
        moves = {name: [Moved(**one) for one in counts[name]] for name in ("labels", "splits")}
        return Diff(**{**counts, **moves}, changes=())

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return (
            f"{number_of(self.added, self.unit)} added "
            f"({number_of(self.patients['added'], 'new patient')}), {self.removed} removed "
            f"({number_of(self.patients['removed'], 'patient')} gone), {self.relabeled} relabeled, "
            f"{self.moved} moved between splits, {self.same} the same"
        )

    def counts(self) -> dict[str, object]:
        """All but the list of frames, as plain values."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "changes"}


def diff(
    releases: Storage,
    before: str,
    after: str,
    reasons: Callable[[pa.Table, Manifest], Why],
    tell: Tell,
    allowance: Allowance | None = None,
) -> Diff:
    """Compare two releases by their indexes. Of one that was redacted its successor is compared,
    and what was erased from the first one is counted.

    Args:
        reasons: says of rows of the first index why the second release does not have them.
        tell: is given what is said of the releases.
        allowance: the default one if not given.

    Raises:
        UsageError: there is none of that name; or one is of frames and the other of clips.
        CheckFailed: an index is damaged.
    """
    manifests = [living(releases, name, tell) for name in (before, after)]
    units = [one.config.unit for one in manifests]
    if units[0] != units[1]:
        raise UsageError(
            f"'{before}' is a release of {units[0]}s and '{after}' of {units[1]}s: samples of one "
            "kind alone can be compared"
        )
    old, new = (index_columns_of(releases, manifest, COMPARED) for manifest in manifests)
    erased = erased_since(releases, before, manifests[0])
    with named_new(new, allowance) as asked:
        return difference(asked, before, manifests[1], old, reasons, erased, named=after)


@contextmanager
def named_new(rows: pa.Table, allowance: Allowance | None = None) -> Iterator[Connection]:
    """A database that has the index of a release as ``new``."""
    with database(allowance) as asked:
        asked.register("new", rows)
        yield asked
        asked.unregister("new")


def difference(
    asked: Connection,
    before: str,
    manifest: Manifest,
    old: pa.Table,
    reasons: Callable[[pa.Table, Manifest], Why],
    erased: Erased | None = None,
    *,
    named: str = "",
    listed: bool = True,
) -> Diff:
    """Compare the indexes of two releases.

    Args:
        asked: has the ``COMPARED`` columns of the second as ``new``.
        before: name of the first one. manifest: of the second.
        old: the columns of the first, at least.
        erased: what erasures took out of the first one since.
        named: what the second is called, if otherwise.
        listed: whether each frame that changed is listed, too.
    """
    asked.register("old", old)
    sides = {name: SIDE.format(name=name) for name in ("old", "new")}
    asked.execute(f"CREATE TABLE joined AS {JOINED.format(**sides)}")
    gone = asked.sql("SELECT frame_id FROM joined WHERE removed ORDER BY 1").fetchall()
    why: Why = {}
    if gone:
        ids = pa.array([one for (one,) in gone], pa.string())
        why = reasons(old.filter(pc.is_in(old.column("frame_id").cast(pa.string()), ids)), manifest)
    both = "NOT added AND NOT removed"
    ((added, removed, relabeled, moved, same),) = asked.sql(
        "SELECT count_if(added), count_if(removed), "
        f"count_if({both} AND relabeled), count_if({both} AND moved), "
        f"count_if({both} AND NOT relabeled AND NOT moved) FROM joined"
    ).fetchall()
    counted = Counter(why.get(one, UNKNOWN) for (one,) in gone)
    gone_before = erased or Erased()
    patients = _patients(asked)
    patients["removed"] += gone_before.patients
    labels, splits = (_moves(asked, column, both) for column in ("label", "split"))
    by = {name: _by(asked, name, both) for name in BY}
    changes = list(_changes(asked, why, both)) if listed else []
    asked.execute("DROP TABLE joined")
    asked.unregister("old")
    return Diff(
        before=before,
        after=named or manifest.name,
        same=same,
        added=added,
        removed=removed + gone_before.frames,
        relabeled=relabeled,
        moved=moved,
        patients=patients,
        why=dict(sorted((counted + Counter({ERASED: gone_before.frames})).items())),
        labels=labels,
        splits=splits,
        by=by,
        changes=changes,
        unit=manifest.config.unit,
    )


def erased_since(releases: Storage, asked: str, found: Manifest) -> Erased:
    """What erasures took out of a release, between it and what stands for it now."""
    number, manifest = 0, found
    while manifest.name != asked and manifest.redacts is not None:
        number += manifest.redacts.frames
        manifest = manifest_of(releases, manifest.redacts.release)
    if manifest.config.unit == "clip":  # a redaction counts their frames
        number = manifest.samples - found.samples
    return Erased(number, manifest.patients - found.patients)


def _patients(asked: Connection) -> dict[str, int]:
    found = {}
    for change, here, there in (("added", "new", "old"), ("removed", "old", "new")):
        ((number,),) = asked.sql(
            f"SELECT count(DISTINCT patient) FROM {here} "
            f"WHERE patient NOT IN (SELECT patient FROM {there})"
        ).fetchall()
        found[change] = number
    return found


def _moves(asked: Connection, column: str, both: str) -> list[Moved]:
    rows = asked.sql(
        f"SELECT {column}_before, {column}_after, count(*) AS frames FROM joined "
        f"WHERE {both} AND {column}_before <> {column}_after "
        "GROUP BY 1, 2 ORDER BY frames DESC, 1, 2"
    ).fetchall()
    return [Moved(*row) for row in rows]


def _by(asked: Connection, column: str, both: str) -> dict[str, dict[str, int]]:
    rows = asked.sql(
        f"SELECT {column}, count_if(added), count_if(removed), "
        f"count_if({both} AND relabeled), count_if({both} AND moved) FROM joined "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return {
        value: dict(zip(CHANGES, numbers, strict=True)) for value, *numbers in rows if any(numbers)
    }


def _changes(asked: Connection, why: Why, both: str) -> Iterator[tuple[str, str, str, str]]:
    rows = asked.sql(
        "SELECT frame_id, added, removed, relabeled, moved, label_before, label_after, "
        "split_before, split_after FROM joined "
        f"WHERE added OR removed OR ({both} AND (relabeled OR moved)) ORDER BY 1"
    ).fetchall()
    for one, added, removed, relabeled, moved, label, labeled, split, to in rows:
        if added:
            yield one, "added", "", labeled
        elif removed:
            yield one, "removed", why.get(one, UNKNOWN), ""
        else:
            if relabeled:
                yield one, "relabeled", label, labeled
            if moved:
                yield one, "moved", split, to


def write_changes(found: Diff, path: Path) -> None:
    """Write every frame that changed as a table of text.

    Raises:
        UsageError: it can't be written.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(("frame_id", "change", "before", "after"))
    writer.writerows(found.changes)
    write_named(path, lines.getvalue().encode())


def why_removed(found: Diff) -> list[str]:
    """A table of how many frames were removed for which reason, as Markdown."""
    lines = [f"| {found.unit}s | why |", "|---|---|"]
    return lines + [f"| {number} | {key}: {SENTENCES[key]} |" for key, number in found.why.items()]


def as_text(found: Diff) -> str:
    """A comparison for people, as Markdown: what ``release diff`` prints, and a card can hold."""
    lines = [
        f"# {found.before} to {found.after}",
        "",
        found.sentence,
    ]
    if found.why:
        lines += ["", "## Removed", "", *why_removed(found)]
    for title, moves in (("Relabeled", found.labels), ("Moved", found.splits)):
        if moves:
            lines += ["", f"## {title}", "", f"| {found.unit}s | from | to |", "|---|---|---|"]
            lines += [f"| {one.frames} | {one.before} | {one.after} |" for one in moves]
    for name, values in found.by.items():
        if values:
            lines += ["", f"## By {name}", "", f"| {name} | {' | '.join(CHANGES)} |"]
            lines += ["|---" * (1 + len(CHANGES)) + "|"]
            lines += [
                f"| {value or '-'} | {' | '.join(str(numbers[one]) for one in CHANGES)} |"
                for value, numbers in values.items()
            ]
    return "\n".join(lines)

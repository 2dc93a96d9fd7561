"""The report of an erasure, to be filed: what was done, how it was proven, what is left to do."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

from echoatlas.pipeline.erase.proof import KINDS
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.templates import filled
from echoatlas.wording import number_of, spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.erase.erase import Erasure
    from echoatlas.pipeline.erase.request import Request

NOBODY = "NOBODY OF THE FILE WAS FOUND"


def still_to_do(done: Erasure) -> list[str]:
    """What EchoAtlas can't do, in sentences: for whoever files the report."""
    said = [
        "The hospital deletes the files in its bucket: EchoAtlas never writes to it but for "
        "receipts. Files that stay there are not read again.",
        "Backups and former versions that a storage keeps (bucket versioning, snapshots) expire by "
        "their own rules: have whoever runs the storage confirm it.",
    ]
    if done.releases:
        said.append(
            "Whoever pulled a redacted release deletes the copy and pulls its successor; "
            "`echoatlas.load` does so with its cache when it is next used. Models that were "
            "trained on it are not changed by this."
        )
    said.append("Reports, review sheets and exports that were made before are deleted by hand.")
    if done.unknown:
        said.append(
            f"Nothing was found for these lines of the file: {spans(done.unknown)}. If the "
            "patient was scanned here, ask for the id with its issuer, or name and birth date as "
            "the scanner had them."
        )
    if done.near:
        said.append(
            f"{near_by(done.near, done.near_objects)}. It stays: if it is the same person's, give "
            "that to another request; `--dry-run` says by which pseudonym."
        )
    if done.in_names:
        said.append(
            f"{_named_by(done.in_names, done.in_names_objects)}. It stays: if it is of them, give "
            "that to another request; `--dry-run` says by which pseudonym."
        )
    if done.unread:
        said.append(
            f"{number_of(done.unread, 'rejected file')} could not be opened to learn whose. "
            "Of each the lake holds no picture and no pseudonym, only a keyed hash of its bytes."
        )
    if done.look_alikes:
        said.append(
            f"{number_of(done.look_alikes, 'object')} of others, nearly the same, kept, as their "
            "files name another patient: if that is an error, ask for those patients, too."
        )
    if not done.uploads:
        said.append(
            "The storage does not let EchoAtlas list uploads that killed processes never finished: "
            "have a rule of the bucket abort them (AbortIncompleteMultipartUpload)."
        )
    if damaged := sum(one.damaged for one in done.releases):
        said.append(
            f"{number_of(damaged, 'shard')} of releases had been damaged before: nobody could tell "
            "whose samples lay there, and all are out. Cut a new release to have the others again."
        )
    if not done.receipts:
        said.append("The site's bucket could not be written to: its receipts are as they were.")
    return said


def would_go(found: Doomed, asked: Request) -> str:
    """What would go, and how each line of the file was read; no value of any."""
    lines = [
        f"{found.site}: {number_of(len(found.objects), 'object')} with "
        f"{number_of(len(found.frames), 'frame')} would go"
    ]
    ways: dict[tuple[bool, tuple[str, ...]], list[int]] = {}
    for one in asked.patients:
        ways.setdefault((one.line in found.unknown, one.read_as), []).append(one.line)
    for (unknown, read_as), some in sorted(ways.items(), key=lambda pair: pair[1]):
        what = "line" if len(some) == 1 else "lines"
        how = "NOBODY WHO IS KNOWN HERE" if unknown else "found"
        lines.append(f"{what} {spans(some)}, read by {', '.join(read_as)}: {how}")
    if asked.patients and len(found.unknown) == len(asked.patients):
        lines.append(f"{NOBODY}: nothing would be erased")
    if found.near:
        lines.append(
            f"{near_by(found.near, found.near_objects)}, and would stay: if it is the same "
            "person's, add to the file, in a column pseudonym:"
        )
        lines += found.near_patients
    if found.in_names:
        lines.append(
            f"{_named_by(found.in_names, found.in_names_objects)}, and would stay: if it is of "
            "them, add to the file, in a column pseudonym:"
        )
        lines += found.in_names_patients
    return "\n".join(lines)


def near_by(lines: Sequence[int], objects: int) -> str:
    """What is left of who may be the same; no value of anybody."""
    what = "line" if len(lines) == 1 else "lines"
    return (
        f"{number_of(objects, 'other object is', 'other objects are')} of the same ids as "
        f"{what} {spans(lines)}, but for issuers, leading zeros or separators"
    )


def _named_by(lines: Sequence[int], objects: int) -> str:
    """What lies under a name that may be somebody's id; no value of anybody."""
    what = "the id of line" if len(lines) == 1 else "ids of lines"
    return (
        f"{number_of(objects, 'scan that names nobody lies', 'scans that name nobody lie')} under "
        f"names of files or folders that hold {what} {spans(lines)}"
    )


def as_text_of(done: Erasure, folder: Path) -> str:
    """What an erasure did, for the command line."""
    lines = [
        f"request {done.request}: {number_of(done.objects, 'object')} with "
        f"{number_of(done.frames, 'frame')} of {done.site} erased",
        *([f"{NOBODY}: nothing of them was here to erase"] if done.of_nobody else []),
        *(
            f"release {one.release}: {number_of(one.frames, 'frame')} out; {one.instead}"
            for one in done.releases
        ),
        f"{sum(done.proof.files.values())} searches of every file there is found no trace",
        f"report: {folder.absolute() / _name(done)}.html and .json",
        "still to do:",
        *(f"- {one}" for one in still_to_do(done)),
    ]
    return "\n".join(lines)


def make_folder(folder: Path) -> None:
    """Make the folder of reports, before anything is erased that they would prove.

    Raises:
        UsageError: it can't be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"--report: cannot write to {folder} ({error.strerror})") from None


def write_reports(done: Erasure, folder: Path) -> None:
    """Write the report as HTML and as JSON.

    Raises:
        UsageError: the folder can't be written.
    """
    source = (files(__package__) / "erasure.html.j2").read_text("utf-8")
    page = filled(source, done=done, kinds=KINDS, still_to_do=still_to_do(done))
    told = asdict(done) | {"still_to_do": still_to_do(done)}
    with local_faults(str(folder)):
        (folder / f"{_name(done)}.html").write_text(page, "utf-8")
        text = json.dumps(told, sort_keys=True, indent=1)
        (folder / f"{_name(done)}.json").write_text(text, "utf-8")


def _name(done: Erasure) -> str:
    return f"erasure-{done.request}"

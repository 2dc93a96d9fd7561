"""``echoatlas deidentify SRC DEST``: files in, de-identified files and a report out; no lake.

A hospital runs it before it uploads. What is not certainly clean is not written; every input
ends as released, quarantined (with a reason) or filtered, and the counts add up.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.containers.tables import cleaned
from echoatlas.pipeline.deidentify.pixels import RedactConfig
from echoatlas.pipeline.deidentify.policy import Policy
from echoatlas.pipeline.deidentify.written import Written, rewritten
from echoatlas.pipeline.errors import Reject, UsageError
from echoatlas.pipeline.read.archive import LITTER, is_archive, opened
from echoatlas.pipeline.read.sidecar import read_sidecar
from echoatlas.schemas.config import Sidecar, SiteConfig
from echoatlas.schemas.records import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.vault import SiteKey

RELEASED, QUARANTINED, FILTERED = "released", "quarantined", "filtered"
TABLES = (".csv", ".tsv", ".json", ".xlsx")
RECEIPTS = "_receipts/"  # what EchoAtlas itself writes into a site's bucket
DEFAULT = RedactConfig()
EPOCH = 315532800  # 1980-01-01, the earliest time that every archive format can hold


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input. Holds nothing of the input's name, text or header values.

    Attributes:
        input: place in the sorted listing of SRC, archives' members counted one by one, from 0.
        status: "released", "quarantined" or "filtered".
        reason: code of why it was not released, else empty; detail: the sentence for it.
        output: path below DEST, made of pseudonyms.
        pixels: "native", "dct", "lossless", "video" or empty.
        fans: how each scanned area was found, its shape and verdict.
        boxes: (x0, y0, x1, y1) of text blacked out inside, in pixels of the picture.
    """

    input: int
    status: str
    reason: str = ""
    detail: str = ""
    format: str = ""
    codec: str = ""
    output: str = ""
    sha256: str = ""
    pixels: str = ""
    frames: int = 0
    burned_in_annotation: str = ""
    fans: tuple[str, ...] = ()
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    outside_area: float = 0.0
    text_area: float = 0.0
    actions: Mapping[str, int] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    detector: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of all inputs.

    Attributes:
        policy, key_id: which policy and key were used, as public ids.
    """

    policy: str
    key_id: str
    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Inputs by status; they add up to the inputs."""
        found = Counter(outcome.status for outcome in self.outcomes)
        return {status: found[status] for status in (RELEASED, QUARANTINED, FILTERED)}

    @property
    def reasons(self) -> dict[str, int]:
        """Inputs that were not released, by reason."""
        return dict(sorted(Counter(one.reason for one in self.outcomes if one.reason).items()))

    @property
    def exit_code(self) -> int:
        """0 if nothing is in quarantine, else 1."""
        return int(self.counts[QUARANTINED] > 0)

    def to_json(self) -> str:
        """The report: free of PHI, the same for the same input, policy and key."""
        whole = {
            "inputs": len(self.outcomes),
            "counts": self.counts,
            "reasons": self.reasons,
            "policy": self.policy,
            "key_id": self.key_id,
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }
        return json.dumps(whole, indent=1, sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Input:
    """One file or archive member. Trusted zone: ``name`` may identify."""

    name: str
    data: bytes
    problem: Reject | None = None


def deidentify_files(
    src: Path,
    dest: Path,
    policy: Policy,
    key: SiteKey,
    report: Path | None = None,
    config: RedactConfig = DEFAULT,
) -> Summary:
    """De-identify a file, a folder or an archive.

    Args:
        src: read only. Links are not followed.
        dest: a folder that is not there yet or is empty, outside of ``src``.
        key: makes the pseudonyms; the same key gives the same output.
        report: where the JSON report goes, outside of ``dest`` or in it.

    Raises:
        UsageError: ``src`` is not there, or ``dest`` can't be written or is not empty.
    """
    _check_places(src, dest)
    site = SiteConfig(site=key.site, bucket=str(src))
    tables = _tables(_inputs(src))  # first, as they say whose the scans are
    outcomes: list[Outcome] = []
    outputs: dict[str, str] = {}
    for index, one in enumerate(_inputs(src)):
        if one.name in tables:
            outcomes.append(Outcome(index, RELEASED, format="table"))  # written last
            continue
        outcomes.append(_one(index, one, tables, dest, site, key, policy, config))
        if outcomes[-1].output:
            outputs[one.name] = outcomes[-1].output
    for index, one in enumerate(_inputs(src)):
        if one.name in tables:
            outcomes[index] = _table(index, tables[one.name], one, outputs, dest, key)
    summary = Summary(policy.digest, key.key_id, tuple(outcomes))
    if report is not None:
        _put(report, summary.to_json().encode())
    return summary


def _check_places(src: Path, dest: Path) -> None:
    if not src.exists():
        raise UsageError(f"there is no {src}")
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise UsageError(f"{dest} is not an empty folder: name one that is not there yet")
    if dest.resolve().is_relative_to(src.resolve()):
        raise UsageError(f"{dest} lies in {src}: what is written would be read again")


def _inputs(src: Path) -> Iterator[_Input]:
    files = [src] if src.is_file() else sorted(_walk(src))
    for path in files:
        name = path.name if src.is_file() else path.relative_to(src).as_posix()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"an input cannot be read ({os.strerror(error.errno or 0)})") from None
        if data and is_archive(data):
            yield from _members(name, data)
        else:
            yield _Input(name, data)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def _members(name: str, data: bytes) -> Iterator[_Input]:
    """Members one by one, and the archive itself if it is not to be opened."""
    try:
        for member, content in opened(data):
            inner = f"{name}!{member.name}"
            try:
                yield _Input(inner, content())
            except Reject as error:
                yield _Input(inner, b"", error)
    except Reject as error:
        yield _Input(name, data, error)


Tables = dict[str, "Mapping[str, Mapping[str, str]]"]


def _tables(inputs: Iterator[_Input]) -> Tables:
    found: Tables = {}
    for one in inputs:
        if one.problem is None and one.name.lower().endswith(TABLES) and RECEIPTS not in one.name:
            table = read_sidecar(one.data, one.name, Sidecar())
            if table is not None:
                found[one.name] = table
    return found


def _said_of(name: str, tables: Tables) -> Mapping[str, str]:
    """The row of a table that speaks of a file, by its path or by its last part."""
    plain = name.replace("!", "/")
    for table in tables.values():
        for spoken in (plain, plain.rpartition("/")[2], Path(plain).stem):
            if spoken in table:
                return table[spoken]
    return {}


def _one(
    index: int,
    one: _Input,
    tables: Tables,
    dest: Path,
    site: SiteConfig,
    key: SiteKey,
    policy: Policy,
    config: RedactConfig,
) -> Outcome:
    if any(part in one.name for part in (*LITTER, RECEIPTS)):
        return Outcome(index, FILTERED, "litter", "What file systems leave behind.")
    try:
        if one.problem is not None:
            raise one.problem
        origin = Origin(key.site, "", one.name, _said_of(one.name, tables))
        done = rewritten(one.data, origin, site, key, policy, config)
    except Reject as error:
        return Outcome(index, QUARANTINED, error.reason.value, error.detail)
    content = key.pseudonym("content", hashlib.sha256(one.data).hexdigest())
    output = f"{done.header.patient}/{content}{done.suffix}"
    if (dest / output).exists():
        return Outcome(index, FILTERED, "duplicate", "The same bytes were released before.")
    _put(dest / output, done.data)
    return _released(index, output, done)


def _released(index: int, output: str, done: Written) -> Outcome:
    stated = str(done.scan.header.get("BurnedInAnnotation") or "") if done.scan.header else ""
    cuts = done.redactions
    return Outcome(
        index,
        RELEASED,
        format=done.scan.format,
        codec=done.scan.codec,
        output=output,
        sha256=hashlib.sha256(done.data).hexdigest(),
        pixels=done.how,
        frames=done.scan.declared_frames,
        burned_in_annotation=stated if stated in ("YES", "NO") else "",
        fans=tuple(f"{fan.found_by}:{fan.shape}:{fan.verdict}" for fan in done.fans),
        boxes=tuple((b.x0, b.y0, b.x1, b.y1) for cut in cuts for b in cut.text_boxes),
        outside_area=round(min(cut.outside_area for cut in cuts), 4),
        text_area=round(max(cut.text_area for cut in cuts), 4),
        actions=done.header.actions,
        methods=done.header.methods,
        detector=cuts[0].detector,
        model=cuts[0].model,
    )


def _table(
    index: int,
    table: Mapping[str, Mapping[str, str]],
    one: _Input,
    outputs: Mapping[str, str],
    dest: Path,
    key: SiteKey,
) -> Outcome:
    """Write a sidecar table, with the files that it speaks of under their new names."""
    by_spoken: dict[str, str] = {}
    for name, output in outputs.items():
        plain = name.replace("!", "/")
        for spoken in (Path(plain).stem, plain.rpartition("/")[2], plain):
            by_spoken[spoken] = output
    data = cleaned(table, by_spoken, key)
    output = f"{key.pseudonym('table', hashlib.sha256(one.data).hexdigest())}.csv"
    _put(dest / output, data)
    digest = hashlib.sha256(data).hexdigest()
    return Outcome(index, RELEASED, format="table", output=output, sha256=digest)


def _put(path: Path, data: bytes) -> None:
    """Write a file whose time says nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (EPOCH, EPOCH))
    except OSError as error:
        raise UsageError(
            f"cannot write to {path.parent} ({os.strerror(error.errno or 0)})"
        ) from None

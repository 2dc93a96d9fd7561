"""One input to one outcome: what a worker of the tool does. Nothing half-written has a name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.header.patient import identity_of, known_id
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify_tool.outcome import Outcome
from echoatlas.pipeline.deidentify_tool.rewrite import Written, rewritten
from echoatlas.pipeline.errors import Reason, Reject, UsageError, crash_site
from echoatlas.pipeline.ingest.listing import DEIDENTIFICATION
from echoatlas.pipeline.objects.copies import best
from echoatlas.pipeline.read import ReadConfig, read_words
from echoatlas.pipeline.sidecars.collection import origin_of
from echoatlas.pipeline.sidecars.statements import with_rows
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.values import AuditVerdict

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.policy import Policy
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.records import Origin

MASKS, UNFINISHED = f"{DEIDENTIFICATION}masks", f"{DEIDENTIFICATION}unfinished"
EPOCH = 315532800  # 1980-01-01, the earliest time that every archive format can hold


@dataclass(frozen=True, slots=True)
class Task:
    """One input. Trusted zone: name and sidecar values may identify.

    Attributes:
        others: name and row of each other input with the same bytes.
    """

    index: int
    name: str
    data: bytes
    digest: str
    sidecar: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, Mapping[str, str]], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What all inputs have in common.

    Attributes:
        left: ids of patients who are said to have left, as ``loose_id`` has them. Trusted zone.
    """

    dest: Path
    key: SiteKey
    policy: Policy
    config: RedactConfig = field(default_factory=RedactConfig)
    site: SiteConfig | None = None
    left: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def rules(self) -> SiteConfig:
        """What the site's file says, or would say by default."""
        return self.site or SiteConfig(site=self.key.site, bucket=".")


def perform(task: Task, job: Job) -> Outcome:
    """De-identify one input and put the result below DEST.

    Any error is caught here: what escapes is a bug of ours, costs one input, and may quote it, so
    only its type and the place in our code are told.
    """
    key = job.key
    try:
        origin = _origin(task, job)
        done = rewritten(task.data, origin, job.rules, key, job.policy, job.config)
        for name, row in ((task.name, task.sidecar), *task.others):
            copy = origin_of(job.rules, "", name, row)
            if known_id(identity_of(done.scan.header, copy, job.rules)) in job.left:
                raise Reject(Reason.NO_CONSENT)
    except Reject as error:
        return quarantined(task.index, error)
    except Exception as error:  # noqa: BLE001  (the boundary: see the docstring)
        return quarantined(task.index, Reject(Reason.CRASHED, crash_site(error)))
    name = key.pseudonym("content", task.digest)
    output, mask = f"{done.header.patient}/{name}{done.suffix}", ""
    if done.mask:
        mask = f"{MASKS}/{done.header.patient}/{name}.png"
        put(job.dest, mask, done.mask)
    put(job.dest, output, done.data)
    return _released(task.index, output, mask, done)


def _origin(task: Task, job: Job) -> Origin:
    """Where an input came from: of all that have its bytes, the one that says surest whom it shows,
    its row filled up by theirs."""
    told = [(task.name, task.sidecar), *task.others]
    origins = [origin_of(job.rules, "", name, row) for name, row in told]
    if len(origins) == 1:
        return origins[0]
    header = read_words(task.data, ReadConfig()).header
    first = best(header, origins, job.rules, job.key, job.policy)
    return with_rows(first, origins, job.rules)


def quarantined(index: int, error: Reject) -> Outcome:
    """The outcome of an input that was rejected."""
    return Outcome(index, AuditVerdict.QUARANTINED, error.reason.value, error.detail)


def _released(index: int, output: str, mask: str, done: Written) -> Outcome:
    stated = str(done.scan.header.get("BurnedInAnnotation") or "") if done.scan.header else ""
    cuts = done.redactions
    left_out = {"masks_left_out"} if done.scan.masks else set()
    return Outcome(
        index,
        AuditVerdict.RELEASED,
        format=done.scan.format,
        codec=done.scan.codec,
        output=output,
        mask=mask,
        sha256=hashlib.sha256(done.data).hexdigest(),
        pixels=done.how,
        frames=done.scan.declared_frames,
        burned_in_annotation=stated if stated in ("YES", "NO") else "",
        fans=tuple(f"{fan.found_by}:{fan.shape}:{fan.verdict}" for fan in done.fans),
        boxes=tuple((b.x0, b.y0, b.x1, b.y1) for cut in cuts for b in cut.text_boxes),
        outside_area=round(min((cut.outside_area for cut in cuts), default=0.0), 4),
        text_area=round(max((cut.text_area for cut in cuts), default=0.0), 4),
        actions=done.header.actions,
        methods=done.header.methods,
        detector=cuts[0].detector if cuts else "",
        model=cuts[0].model if cuts else "",
        verdicts=tuple(sorted({one for cut in cuts for one in cut.verdicts} | left_out)),
    )


def put(dest: Path, name: str, data: bytes) -> None:
    """Write a file below DEST under a temporary name, then give it its own; its time is no one's.

    Raises:
        UsageError: the place can't be written.
    """
    target = dest / name
    try:
        part = dest / UNFINISHED / f"{name.replace('/', '-')}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.utime(part, (EPOCH, EPOCH))
        part.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({os.strerror(error.errno or 0)})") from None

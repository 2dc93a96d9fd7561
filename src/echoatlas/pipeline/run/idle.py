"""When nothing has changed since a run that found nothing to do, there is nothing to do.

Only a run that looked at everything and did nothing leaves a note of all that it looked at: what
lies in the buckets, the tables, the settings and this code. Where any of it is not the same, a run
looks at everything again; so what the note passes over is only what was looked at already.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.event_log import run_name
from echoatlas.pipeline.ingest.unfinished import unfinished
from echoatlas.pipeline.ingest.uploads import bucket_state, uploaded
from echoatlas.pipeline.lake.lock import is_free
from echoatlas.pipeline.run.summary import Summary
from echoatlas.schemas.tables import TABLES

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.site import SiteConfig

PLACE = "_idle.json"
# What a run looks at in the lake beside tables
BESIDE = ("_fingerprints", "_intents", "_receipts", "_tables", "tombstones")


@dataclass(frozen=True, slots=True)
class Note:
    """What a run looked at that found nothing to do.

    Attributes:
        lake: a digest of settings, code, tables and of what lies beside them.
        buckets: site to a keyed digest of what lies in its bucket.
        gate, warnings: what it had to say of them.
    """

    lake: str
    buckets: Mapping[str, str]
    gate: list[tuple[str, bool, str]]
    warnings: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Looked:
    """The tables as a run that holds the lake found them."""

    tables: Mapping[str, str]

    @staticmethod
    def at(deployment: Deployment) -> Looked:
        """Look at them. Call it before anything else is looked at."""
        code()  # that which runs: files may be others at the end
        return Looked(_tables(deployment))

    def keep(self, deployment: Deployment, surveys: Iterable[Survey], summary: Summary) -> None:
        """Write a note down, if the run found nothing to do and said nothing that may pass."""
        seen = list(surveys)
        lake = deployment.lake
        moved = any(lake.has_moved(name, state) for name, state in self.tables.items())
        rests = all(one.rests for one in seen) and not moved
        if not rests or summary.failed or summary.notes or summary.silent:
            return
        names = [one.site.site for one in seen]
        said = {
            name: [one for one in summary.warnings if one.startswith(f"{name}: ")] for name in names
        }
        buckets = {one.site.site: one.arrived.state for one in seen}
        note = Note(_state(deployment, self.tables), buckets, summary.gate, said)
        storage = deployment.lake.storage
        before = _kept(storage)
        if before is not None and before.lake == note.lake:  # of other sites
            more, told = dict(before.buckets) | buckets, dict(before.warnings) | said
            note = Note(note.lake, more, note.gate, told)
        storage.write(PLACE, json.dumps(asdict(note), sort_keys=True).encode())


def rested(deployment: Deployment, sites: list[str] | None) -> Summary | None:
    """What a run would say, if all that a note speaks of is as it was; None if it has to look.

    Nothing is written, and no scan or table of a site is opened.

    Raises:
        UsageError: an unknown site.
    """
    storage, chosen = deployment.lake.storage, deployment.chosen(sites)
    clock = time.monotonic()
    try:
        note = _kept(storage)
        if note is None or not is_free(storage):
            return None
        if any(one.site not in note.buckets for one in chosen) or note.lake != _state(deployment):
            return None
        if any(note.buckets[one.site] != _looked_at(deployment, one) for one in chosen):
            return None
    except (FileNotFoundError, Retry, UsageError):  # whoever looks at everything says what is wrong
        return None
    said = [one for site in chosen for one in note.warnings.get(site.site, ())]
    summary = Summary(run_name("r", datetime.now(UTC)), gate=note.gate, warnings=said)
    summary.seconds = time.monotonic() - clock
    return summary


def _kept(storage: Storage) -> Note | None:
    if not storage.exists(PLACE):
        return None
    try:
        raw = json.loads(storage.read(PLACE))
        gate = [(str(name), bool(ok), str(said)) for name, ok, said in raw["gate"]]
        return Note(raw["lake"], dict(raw["buckets"]), gate, dict(raw["warnings"]))
    except (ValueError, KeyError, TypeError):  # of another version, or cut off
        return None


def _looked_at(deployment: Deployment, site: SiteConfig) -> str:
    """What lies in a bucket, as a survey notes it; "" where an upload is under way."""
    bucket = deployment.bucket(site)
    state = bucket_state(bucket, uploaded(bucket), deployment.key())
    try:
        return "" if unfinished(bucket) else state
    except (UsageError, Retry):  # not all services tell them: a survey takes them for none, too
        return state


def _state(deployment: Deployment, tables: Mapping[str, str] | None = None) -> str:
    """A digest of all that a run looks at but buckets: settings, code, tables, what is beside.

    Args:
        tables: as they are, if they were looked at already: each is opened for it.
    """
    storage = deployment.lake.storage
    looked: dict[str, Any] = {
        "code": code(),
        "settings": deployment.config.model_dump(mode="json"),
        "sites": {name: one.model_dump(mode="json") for name, one in deployment.sites.items()},
        "tables": _tables(deployment) if tables is None else dict(tables),
        "beside": {
            name: [(one.key, one.size, one.tag) for one in storage.sub(name).list()]
            for name in BESIDE
        },
    }
    return hashlib.sha256(json.dumps(looked, sort_keys=True).encode()).hexdigest()


def _tables(deployment: Deployment) -> dict[str, str]:
    return {name: deployment.lake.state(name) for name in TABLES}


@cache
def code(root: Path = Path(__file__).parents[2]) -> str:
    """A digest of this code and of the data that it ships: an update looks at everything."""
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        # What Python compiles comes and goes while others start, under names of its own too
        if "__pycache__" not in file.parts and file.is_file():
            digest.update(f"{file.relative_to(root).as_posix()}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()

"""An erasure, from what was asked to the proof that it was done. Cut off anywhere, begin it anew.

1. What has to go is found, and written down in the vault.
2. Tombstones are set: from here on nothing of it comes in again, and no release is cut. Whoever
   cuts one gives way.
3. Rows leave the tables; labels, clusters and representatives are made anew of what is left.
4. Releases that hold any of it are redacted, the sealed crosswalk forgets, receipts are renewed.
5. Old files and logs of the tables are deleted, and what no release needs any more.
6. Everything that lies there is read again. Only when nothing is found is the request done, and
   what the vault wrote down deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from echoatlas._version import __version__
from echoatlas.pipeline.database import engines_kept
from echoatlas.pipeline.engine.scatter import FEW, Done, in_this_process
from echoatlas.pipeline.engine.when_needed import WhenNeeded
from echoatlas.pipeline.erase.doomed import Doomed
from echoatlas.pipeline.erase.plan import doomed, kept_at
from echoatlas.pipeline.erase.proof import Needles, Proof, prove
from echoatlas.pipeline.erase.redaction import Followed, redact_releases, redactions
from echoatlas.pipeline.erase.returned import returned
from echoatlas.pipeline.erase.sweep import empty_scratch, give_up_half_written, sweep
from echoatlas.pipeline.erase.tables import take_out
from echoatlas.pipeline.errors import CheckFailed, Retry, UsageError
from echoatlas.pipeline.event_log import EventLog, run_name
from echoatlas.pipeline.gate.held import batches_held, remember_held
from echoatlas.pipeline.gate.history import forget_lately
from echoatlas.pipeline.gate.pages import forget_pages
from echoatlas.pipeline.lake.purge import purged
from echoatlas.pipeline.lake.tombstones import CARRIED_OUT, bury
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.release.cutting import wait_for_cutters
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.metrics import tell_books
from echoatlas.pipeline.sites.outbox import write_receipts
from echoatlas.pipeline.vault.crosswalk import Crosswalk
from echoatlas.schemas.events import Stage
from echoatlas.schemas.rows.log import ErasureRow
from echoatlas.schemas.tables import TABLES, to_arrow

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.erase.proof import Scatter
    from echoatlas.pipeline.erase.request import Request

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did: counts alone, and nothing of whom.

    Attributes:
        whole: the site left with all that it ever sent.
        patients: lines of the request. unknown: lines of whom nothing was found.
        objects, frames: erased; ``copies`` and ``quarantined`` are among the objects.
        copies: of the same bytes or picture, also at other sites or under other names.
        look_alikes: objects that only nearly show the same and name somebody else: not erased.
        unread: objects in quarantine of which nobody can tell any more whose they are.
        releases: what became of those that held any of it.
        receipts: whether the site's receipts could be renewed.
        uploads: whether what kills left half sent to a service was given up there.
        books: whether every object is accounted for.
        near: lines whose id others have as well, but for its issuer, leading zeros or separators;
            near_objects: how many objects are of those: not erased.
        in_names, in_names_objects: the same of scans that name nobody, and whose files' names hold
            an id.
    """

    request: str
    site: str
    whole: bool
    version: str
    finished: str
    patients: int
    unknown: tuple[int, ...]
    objects: int
    frames: int
    copies: int
    quarantined: int
    look_alikes: int
    unread: int
    releases: tuple[Followed, ...]
    receipts: bool
    uploads: bool
    books: bool
    proof: Proof
    near: tuple[int, ...] = ()
    near_objects: int = 0
    in_names: tuple[int, ...] = ()
    in_names_objects: int = 0

    @property
    def of_nobody(self) -> bool:
        """Whether it named patients, and none of them was found."""
        return 0 < self.patients == len(self.unknown)

    @staticmethod
    def of(told: dict[str, Any]) -> Erasure:
        """An erasure as it was written down."""
        return Erasure(
            **{
                **told,
                "unknown": tuple(told["unknown"]),
                "near": tuple(told.get("near", ())),
                "in_names": tuple(told.get("in_names", ())),
                "releases": tuple(Followed(**one) for one in told["releases"]),
                "proof": Proof(**told["proof"]),
            }
        )


@engines_kept()
def erase(deployment: Deployment, request: Request, progress: Progress | None = None) -> Erasure:
    """Carry a request out, or go on with it where it was cut off. One that was carried out before
    is not carried out again, unless what it erased is back: what it did is returned.

    Raises:
        UsageError: another run holds the lake, or the request's name was used for another site.
        Retry: storage failed time and again; begin anew.
        CheckFailed: something is left, and what was to go stays written down; begin anew.
    """
    lake, key = deployment.lake, deployment.key()
    run_id, tell = f"erase-{request.name}", progress or (lambda what, done, of: None)
    with (
        lake.held(run_id) as lock,
        EventLog(lake.storage, run_name("e"), deployment.sites) as log,
        ExitStack() as stack,
    ):
        if lock.before:
            log.begin(Stage.RECOVER)
            recover(lake, lock.before)
        if (done := _carried_out(deployment, request)) is not None:
            return done

        def begin(stage: Stage, what: str) -> None:
            log.begin(stage)
            tell(what, 0, 1)

        begin(Stage.FIND, "finding what has to go")
        gone = doomed(deployment, request)
        log.counted(len(gone.objects))
        bury(
            deployment.graveyards, key, gone.request, gone.site, (*gone.patients, *gone.marks),
            gone.contents, gone.pixels, whole=gone.whole, under=_named_under(gone, request),
        )  # fmt: skip
        wait_for_cutters(deployment.releases, lambda whom: tell(whom, 0, 1))
        scatter = _scatter(deployment, stack, tell)
        begin(Stage.ERASE, "tables")
        refused = take_out(deployment, gone, deployment.tombstones(), run_id)
        begin(Stage.REDACT, "releases")
        why = f"a patient or a site left, request {gone.request}"
        redact_releases(lake, deployment.releases, gone, why, scatter)
        for site in deployment.sites:
            # Of who was in quarantine alone no row says the patient
            leaves = gone.whole and site == gone.site
            they = None if leaves else {*gone.patients, *gone.aliases}
            Crosswalk(deployment.vault.path, site).forget(they)
        begin(Stage.PURGE, "old files and logs")
        sweep(lake, deployment.releases, gone)
        for name in TABLES:
            log.counted(purged(lake, name))
        told = give_up_half_written(lake.storage, deployment.releases)
        written = _receipts(deployment, gone)
        empty_scratch(lake.allowance)
        forget_pages(lake.storage)
        forget_lately(lake.storage)
        remember_held(lake.storage, {gone.site: None})
        books = balance(lake)
        held = {site: one.objects for site, one in batches_held(lake.storage).items()}
        tell_books(lake.storage, books, {site: held.get(site, 0) for site in books.sites})
        begin(Stage.PROVE, "reading everything again")
        found = _erasure(deployment, gone, request, why, written, told, scatter, books.holds)
        if not found.proof.holds:
            where = ", ".join(kind for kind, number in found.proof.found.items() if number)
            raise CheckFailed(f"traces are left in: {where}; run the same command again")
        if refused:  # of what stays: all that goes is gone
            raise CheckFailed(f"{refused[0]}; run the same command again when that is mended")
        _settle(deployment, gone, found)
        return found


def _named_under(gone: Doomed, request: Request) -> str:
    """Id of the site's key under which all whom a request's file names are known from now on.

    A pseudonym is known under the key alone that made it.
    """
    foreign = any(
        one.read_as == ("pseudonym",) and one.line in gone.unknown for one in request.patients
    )
    return gone.keys[1] if gone.keys and request.patients and not foreign else ""


def _scatter(deployment: Deployment, stack: ExitStack, tell: Progress) -> Scatter:
    """Have workers do what there is much of; they are started by the first who has that."""
    cluster = WhenNeeded(deployment.config.engine, stack, tell, lambda said: tell(said, 0, 1))

    def scatter(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Done[Any, Any]]:
        listed = list(tasks)
        some = in_this_process if len(listed) <= FEW else cluster(len(listed)).scatter
        return some(function, listed)

    return scatter


def _carried_out(deployment: Deployment, request: Request) -> Erasure | None:
    storage, place = deployment.lake.storage, f"{CARRIED_OUT}{request.name}.json"
    if kept_at(deployment, request.name).is_file() or not storage.exists(place):
        return None
    found = Erasure.of(json.loads(storage.read(place)))
    if (found.site, found.whole) != (request.site, request.whole):
        raise UsageError(f"request '{request.name}' was another one: give it an id of its own")
    return None if returned(deployment, request.name) else found


def _receipts(deployment: Deployment, gone: Doomed) -> bool:
    try:
        return write_receipts(deployment, arrived_at(deployment, deployment.site(gone.site)))
    except (UsageError, Retry, FileNotFoundError):  # the bucket is gone with the site
        return False


def _erasure(
    deployment: Deployment,
    gone: Doomed,
    request: Request,
    why: str,
    receipts: bool,
    uploads: bool,
    scatter: Scatter,
    books: bool,
) -> Erasure:
    lake, releases = deployment.lake, deployment.releases
    needles = Needles(gone.needles.union(gone.digests), frozenset(gone.pictures))
    return Erasure(
        request=gone.request,
        site=gone.site,
        whole=gone.whole,
        version=__version__,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        patients=len(request.patients),
        unknown=gone.unknown,
        objects=len(gone.objects),
        frames=len(gone.frames),
        copies=gone.copies,
        quarantined=gone.quarantined,
        look_alikes=gone.look_alikes,
        unread=gone.unread,
        releases=tuple(redactions(releases, why)),
        receipts=receipts,
        uploads=uploads,
        books=books,
        proof=prove({"lake": lake.storage, "releases": releases}, needles, scatter),
        near=gone.near,
        near_objects=gone.near_objects,
        in_names=gone.in_names,
        in_names_objects=gone.in_names_objects,
    )


def _settle(deployment: Deployment, gone: Doomed, found: Erasure) -> None:
    """Write down that it is done, and forget what it was about."""
    lake = deployment.lake
    text = json.dumps(asdict(found), sort_keys=True, indent=1)
    place, number = f"{CARRIED_OUT}{gone.request}.json", 1
    while lake.storage.exists(place):  # what it erased came back from a backup
        number += 1
        place = f"{CARRIED_OUT}{gone.request}-{number}.json"
    lake.storage.write(place, text.encode())
    row = ErasureRow(gone.request, gone.site, found.objects, found.frames, found.finished)
    lake.append("erasures", to_arrow("erasures", [row]), f"erasure-{gone.request}")
    kept_at(deployment, gone.request).unlink(missing_ok=True)

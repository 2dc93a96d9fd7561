"""Write down what was cut: index, places, digests, card, and last of all the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from echoatlas._version import __version__
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.beside import as_published, hash_named, index_named
from echoatlas.pipeline.release.card import card
from echoatlas.pipeline.release.cut import CUTS
from echoatlas.pipeline.release.cutting import SLEPT, Cutting
from echoatlas.pipeline.release.departures import reasons
from echoatlas.pipeline.release.diff import COMPARED
from echoatlas.pipeline.release.documents.changes import changes_since, keep_changes, on_card
from echoatlas.pipeline.release.documents.population import counted_plainly, population_in
from echoatlas.pipeline.release.documents.sources import countries_of
from echoatlas.pipeline.release.finished import finished
from echoatlas.pipeline.release.huggingface import README, readme_of_releases
from echoatlas.pipeline.release.k_anonymity import QUASI, measured
from echoatlas.pipeline.release.kin import GROUP, KIN, tied
from echoatlas.pipeline.release.manifest import MANIFEST, is_withheld, manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.release.pins import as_parquet
from echoatlas.pipeline.release.places import as_bytes
from echoatlas.pipeline.release.predecessors import present
from echoatlas.pipeline.release.selection import NAMELESS
from echoatlas.pipeline.storage.whereabouts import point
from echoatlas.schemas.index import ROLES, Role
from echoatlas.schemas.manifest import FORMAT, Manifest
from echoatlas.schemas.rows.log import ReleaseRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.taxonomy.tree import tree
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.database import Connection
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.release.candidates import Candidates
    from echoatlas.pipeline.release.draft import Draft
    from echoatlas.pipeline.release.pins import TableFile
    from echoatlas.pipeline.storage.storage import Storage


def publish(
    lake: Lake,
    releases: Storage,
    draft: Draft,
    digests: Mapping[TableFile, str],
    sources: Mapping[str, Mapping[str, str]],
    leave: Cutting,
) -> Manifest:
    """Publish a release whose samples all lie in shards.

    Files are named by their hashes; the manifest is written last, with a conditional put: of
    several publishers of a name exactly one wins, and a release never changes.

    Args:
        sources: country and collection of sites, as far as they are known.
        leave: asked before anything is written, and before the manifest is.

    Raises:
        UsageError: somebody else was faster, or an erasure has begun.
        CheckFailed: shards were deleted meanwhile.
    """
    name, samples = draft.config.name, draft.samples
    mine = {site: dict(sources[site]) for site in samples.counted("site") if site in sources}
    with finished(draft) as made:
        files = {
            "places": hash_named("places", "npy", as_bytes(draft.places)),
            "files": hash_named("files", "parquet", as_parquet(digests)),
        }
        leave.demand()
        index = index_named(made.sha256)
        releases.write(f"{name}/{index}", made.index)
    for file, data in files.values():
        releases.write(f"{name}/{file}", data)
    published = {
        "format": FORMAT,
        "name": name,
        "version": __version__,
        "created": moment(),
        "config": draft.config.model_dump(mode="json"),
        "tables": draft.versions,
        "tree": tree().hash,
        "samples": len(samples),
        "frames": int(draft.places["frames"].sum(dtype=np.int64)),
        "patients": samples.distinct("patient"),
        "index": {"file": index, "sha256": made.sha256},
        **{kind: as_published(file, data) for kind, (file, data) in files.items()},
        "splits": list(draft.splits),
        "labels": made.labels,
        "shards": made.shards,
        "left_out": draft.selection.left_out,
        "split": draft.selection.sides,
        "moved_since": draft.selection.moved_since,
        "without": draft.selection.without,
        "nameless": int(samples.where(NAMELESS).sum()),
        "tied": _tied(samples),
        "masks": made.masks,
        "counts": samples.counted_by(ROLES[Role.COUNTED]),
        "population": counted_plainly(population_in(samples, countries_of(mine))),
        "sources": mine,
        "anonymity": {
            **asdict(draft.selection.suppressed),
            "k": measured(samples.coded(["patient", *QUASI]), draft.config.min_k).k,
        },
    }
    text = json.dumps(published, sort_keys=True, indent=1).encode()
    manifest = Manifest.of(published, name)
    with _named(samples, "new", COMPARED) as asked:
        changed = changes_since(asked, releases, manifest, reasons(lake))
    if changed is not None:
        keep_changes(releases, name, changed)
    releases.write(f"{name}/card.md", card(manifest, on_card(changed)).encode())
    _demand_shards(releases, manifest)
    leave.demand()
    try:
        releases.write(f"{name}/{MANIFEST}", text, create=True)
    except FileExistsError:
        if is_withheld(releases, name):
            raise UsageError(SLEPT) from None
        raise UsageError(f"somebody else published '{name}' first") from None
    announce(lake, releases, manifest)
    return manifest


def _demand_shards(releases: Storage, manifest: Manifest) -> None:
    """Refuse to publish what can't be read: a sweep took shards for nobody's that were cut by an
    attempt of long ago."""
    missing = {one.file for one in manifest.shards} - present(releases)
    if missing:
        raise CheckFailed(
            f"{number_of(len(missing), 'shard is', 'shards are')} gone: give the same command again"
        )


def announce(lake: Lake, releases: Storage, manifest: Manifest) -> None:
    """Do what follows the manifest; again, if whoever published it was cut off here."""
    living = (manifest_of(releases, one) for one in living_names(releases))
    releases.write(README, readme_of_releases(living))
    point(lake.storage, releases)
    row = ReleaseRow(
        name=manifest.name,
        manifest=_digest(releases, manifest.name),
        created=manifest.created,
        frames=manifest.frames,
        where=manifest.config.where,
    )
    lake.append("releases", to_arrow("releases", [row]), f"release-{row.manifest[:32]}")
    releases.delete([entry.key for entry in releases.list(CUTS)])


def is_announced(lake: Lake, releases: Storage, name: str) -> bool:
    """Whether the lake knows a release that is published."""
    known = lake.read("releases", ["manifest"]).column("manifest").to_pylist()
    return _digest(releases, name) in known


def _digest(releases: Storage, name: str) -> str:
    return hashlib.sha256(releases.read(f"{name}/{MANIFEST}")).hexdigest()


def _tied(samples: Candidates) -> dict[str, int]:
    with _named(samples, "i", ["patient", KIN, GROUP]) as asked:
        return tied(asked)


@contextmanager
def _named(samples: Candidates, name: str, columns: Sequence[str]) -> Iterator[Connection]:
    """The database of samples, in which some columns of those that are in have a name."""
    with samples.these() as asked:
        asked.execute(f"CREATE TEMP VIEW {name} AS {samples.source(columns)}")
        yield asked
        asked.execute(f"DROP VIEW {name}")


def moment() -> str:
    """Now: of two releases the later one is known, also within a second."""
    return datetime.now(UTC).isoformat(timespec="microseconds")

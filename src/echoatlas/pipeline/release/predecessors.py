"""Earlier releases, as far as a new one can use their shards again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.release.digests import DIGEST, digests_in
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of, places_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.release.packing import Past
from echoatlas.pipeline.release.shard import PAYLOAD
from echoatlas.pipeline.release.tar import FOLDER

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.manifest import Manifest


def predecessors(releases: Storage, config: ReleaseConfig) -> list[Manifest]:
    """Releases whose samples are packed as these are, the newest first.

    Raises:
        UsageError, CheckFailed: one of all can't be read.
    """
    known = [manifest_of(releases, name) for name in living_names(releases)]
    kind = (config.unit, config.codec, config.size)
    same = [
        one
        for one in known
        if one.places and (one.config.unit, one.config.codec, one.config.size) == kind
    ]
    return sorted(same, key=lambda one: (one.created, one.name), reverse=True)


def pasts(releases: Storage, manifests: list[Manifest], config: ReleaseConfig) -> Iterator[Past]:
    """The samples of releases, one release read at a time."""
    splits, seed = dict(config.splits), config.seed
    for one in manifests:
        told = one.published["config"]
        index = index_columns_of(releases, one, [PAYLOAD, DIGEST])
        yield Past(
            payload=index.column(PAYLOAD).combine_chunks(),
            places=places_of(releases, one),
            digests=digests_in(index),
            shards=one.shards,
            strict=(dict(told["splits"]), told["seed"]) == (splits, seed),
        )


def present(releases: Storage) -> frozenset[str]:
    """Keys of the shards that are there."""
    return frozenset(entry.key for entry in releases.list(FOLDER))

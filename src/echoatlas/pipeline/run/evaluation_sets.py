"""Evaluation sets: fingerprints written, found by a name, and what a lake has near to them.

A set is a file of fingerprints, by its path or by the name that ``evaluation`` in
``echoatlas.yaml`` gives it, or a release of this deployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.against import Near, near
from echoatlas.pipeline.deduplicate.compared_frames import SomeFrames
from echoatlas.pipeline.deduplicate.every_frame import EveryFrame
from echoatlas.pipeline.deduplicate.fingerprints import (
    FingerprintSet,
    as_file,
    fingerprint_set,
    opened_file,
)
from echoatlas.pipeline.deduplicate.ranking import Thumbnails
from echoatlas.pipeline.deduplicate.similarity import Verdict
from echoatlas.pipeline.errors import CheckFailed, UsageError, no_such, unreadable
from echoatlas.pipeline.file_faults import write_named
from echoatlas.pipeline.frames.phash import HASH_VERSION
from echoatlas.pipeline.release.manifest import index_columns_of, index_table, manifest_of, names
from echoatlas.pipeline.release.notices import living
from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.release.selection import true_of
from echoatlas.pipeline.release.whole import every_frame
from echoatlas.pipeline.release.without import NearFrames
from echoatlas.pipeline.scratch import folder_of_files

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake


def export_fingerprints(
    deployment: Deployment, dest: Path, release: str | None, where: str, name: str | None
) -> FingerprintSet:
    """Write the fingerprints of a release, or of the lake, or of a part of either.

    Raises:
        UsageError: there is no such release, ``where`` fits nothing, the file can't be written, or
            frames have to be measured anew first.
        CheckFailed: nothing was selected.
    """
    if release is None:
        with every_frame(deployment.lake, {}) as frames:
            if where.strip():
                frames.keep(true_of(frames, where))
            rows = frames.fetched(["frame_id"])
    else:
        index = index_table(deployment.releases, manifest_of(deployment.releases, release))
        rows = filter_rows(index, where)
    made = _of_frames(deployment, rows.column("frame_id"), name or dest.stem)
    if not made.rows.num_rows:
        if where.strip():
            raise UsageError("nothing was selected: widen --where")
        raise CheckFailed("nothing was selected: run the pipeline first")
    write_named(dest, as_file(made))
    return made


def _of_frames(deployment: Deployment, frames: pa.ChunkedArray, name: str) -> FingerprintSet:
    key = deployment.key()

    def opaque(kind: str, value: str) -> str:
        return key.pseudonym(f"fingerprints of {name}: {kind}", value)

    return fingerprint_set(deployment.lake, frames.combine_chunks(), name, opaque)


def set_named(deployment: Deployment, name: str) -> FingerprintSet:
    """The set that goes by a name: of the configuration, a file's path, or a release.

    Raises:
        UsageError: there is none; names the nearest. Or it can't be used: says why.
    """
    files = deployment.config.evaluation
    if name in files:
        path = deployment.root / Path(files[name]).expanduser()
        return _from_file(path, name)
    if (path := Path(name).expanduser()).is_file():
        return _from_file(path, path.name)
    released = names(deployment.releases)
    if name in released:
        manifest = living(deployment.releases, name, _untold)
        index = index_columns_of(deployment.releases, manifest, ["frame_id"])
        return _of_frames(deployment, index.column("frame_id"), name)
    raise no_such("file, evaluation set or release", name, [*files, *released])


def _untold(said: str) -> None: ...


def _from_file(path: Path, name: str) -> FingerprintSet:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(unreadable(path, error)) from None
    found = opened_file(data, str(path))
    return FingerprintSet(name, found.digest, found.rows)


def near_to(lake: Lake, some: FingerprintSet, versions: Mapping[str, int]) -> list[Near]:
    """The lake's clips that are near to a set.

    Args:
        versions: of the lake's tables; the newest of those that are not pinned.
    """
    with lake.kept_open(), folder_of_files(lake.allowance) as folder:
        every = EveryFrame.read(lake, folder, versions, ranked=False)
        of_today = pc.indices_nonzero(pc.equal(every.column("hash_version"), HASH_VERSION))
        whole = len(of_today) == every.num_rows
        frames = every if whole else SomeFrames(every, of_today.cast(pa.int64()))
        return near(frames, partial(Thumbnails, lake.storage), some)


def near_frames(lake: Lake, some: FingerprintSet, versions: Mapping[str, int]) -> NearFrames:
    """All frames of the clips that are near to a set."""
    found = near_to(lake, some, versions)
    clips = {(one.object_id, one.pane): one.verdict for one in found}
    objects = pa.array(sorted({one.object_id for one in found}), pa.string())
    frames = lake.read(
        "frames",
        ["frame_id", "object_id", "pane"],
        pc.field("object_id").isin(objects),
        versions.get("frames"),
    )
    by: dict[Verdict | None, set[str]] = {}
    for row in frames.to_pylist():
        by.setdefault(clips.get((row["object_id"], row["pane"])), set()).add(row["frame_id"])
    return NearFrames(frozenset(by.get(Verdict.SAME, ())), frozenset(by.get(Verdict.UNDECIDED, ())))

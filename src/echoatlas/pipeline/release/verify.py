"""Verify a release: checksums, counts, leakage between splits, and anything that could be PHI."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.release.annotations import outside
from echoatlas.pipeline.release.k_anonymity import measured
from echoatlas.pipeline.release.kin import GROUP, KIN, TIES, tied
from echoatlas.pipeline.release.manifest import index_table, manifest_of, places_of
from echoatlas.pipeline.release.members import Members
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.manifest import Manifest
from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.tree import UNKNOWN, tree


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def verify(releases: Storage, name: str) -> list[Check]:
    """Look at everything that a release promises.

    Raises:
        UsageError: there is no such release.
        CheckFailed: its index is damaged.
    """
    manifest = manifest_of(releases, name)
    index = index_table(releases, manifest)
    checks = [
        _counts(releases, manifest, index),
        *(_apart(index, tie) for tie in (*TIES, GROUP) if tie in index.column_names),
        _kept_together(index),
        _known(manifest, index),
        _labels(index),
        _values(index),
        _inside(index),
        _shards_end_at_splits(manifest, index),
        *_anonymous(manifest, index),
    ]
    return [*checks, *_shards(releases, manifest, index)]


def _check(name: str, faults: int, what: str) -> Check:
    return Check(name, not faults, f"{faults} {what}" if faults else "")


def _counts(releases: Storage, manifest: Manifest, index: pa.Table) -> Check:
    told = sum(shard.samples for shard in manifest.shards)
    ids = set(index.column("frame_id").to_pylist())
    frames = index.num_rows
    if manifest.places is not None:
        frames = int(places_of(releases, manifest)["frames"].sum(dtype=np.int64))
    wrong = len({manifest.samples, index.num_rows, told, len(ids)}) - 1
    wrong += manifest.frames != frames
    return _check("counts", wrong, "numbers of samples disagree")


def _apart(index: pa.Table, tie: str) -> Check:
    splits: dict[str, set[str]] = defaultdict(set)
    for value, split in zip(
        index.column(tie).to_pylist(), index.column("split").to_pylist(), strict=True
    ):
        if value:
            splits[value].add(split)
    shared = sum(len(found) > 1 for found in splits.values())
    return _check(f"no {tie.replace('_', ' ')} in two splits", shared, "are in two")


def _kept_together(index: pa.Table) -> Check:
    """Patients whom any copy of a picture names, also one that is not in the release."""
    splits: dict[str, set[str]] = defaultdict(set)
    columns = [name for name in ("patient", KIN) if name in index.column_names]
    for row in index.select([*columns, "split"]).to_pylist():
        for patient in (one for name in columns for one in row[name].split()):
            splits[patient].add(row["split"])
    shared = sum(len(found) > 1 for found in splits.values())
    name = "no patient of any copy in two splits"
    if shared or KIN not in columns:
        return _check(name, shared, "are in two")
    ties = tied(index)
    said = f"{ties['patients']} patients are tied in {ties['groups']} groups by what copies say"
    return Check(name, True, said if ties["groups"] else "")


def _known(manifest: Manifest, index: pa.Table) -> Check:
    number = index.column("patient_source").to_pylist().count(PatientSource.OBJECT)
    wanted = manifest.config.nameless == "keep"
    said = f"{number} of {index.num_rows} frames stand under patient_source: object"
    return Check("files name their patients", wanted or not number, said if number else "")


def _labels(index: pa.Table) -> Check:
    known = tree()
    wrong = 0
    for row in index.select(["region", "organ", "paths"]).to_pylist():
        primary = row["paths"].split(" ")[0]
        stated = "/".join(part for part in (row["region"], row["organ"]) if part != UNKNOWN)
        wrong += primary != stated or any(path not in known for path in row["paths"].split())
    return _check("labels lie on the tree", wrong, "do not")


def _values(index: pa.Table) -> Check:
    """Pseudonyms are hexadecimal or opaque; whatever else is text has a closed vocabulary."""
    wrong = 0
    columns = ("frame_id", "patient", "study", "series", "cluster", KIN, GROUP)
    for column in (one for one in columns if one in index.column_names):
        values = index.column(column).to_pylist()
        if column == KIN:
            values = [one for text in values for one in text.split()]
        for value in values:
            wrong += not all(c.isalnum() or c in "-_." for c in value) or " " in value
    return _check("ids are opaque", wrong, "are not")


def _inside(index: pa.Table) -> Check:
    marked = MARKS in index.column_names
    rows = index.select(["width", "height", MARKS]).to_pylist() if marked else []
    wrong = sum(outside(mark, row["width"], row["height"]) for row in rows for mark in row[MARKS])
    return _check("annotations lie in their images", wrong, "do not")


def _shards_end_at_splits(manifest: Manifest, index: pa.Table) -> Check:
    """Whoever reads shards and no index must not train on what others test on."""
    told = {shard.file: shard.split for shard in manifest.shards}
    rows = index.select(["shard", "split"]).to_pylist()
    wrong = sum(told.get(row["shard"]) not in (None, row["split"]) for row in rows)
    return _check("shards end at splits", wrong, "samples lie in another split's shard")


def _anonymous(manifest: Manifest, index: pa.Table) -> Iterator[Check]:
    asked = manifest.config.min_k
    if asked > 1:
        under = measured(index, asked).under
        yield _check(f"each patient is one of {asked}", under, "patients are not")


def _shards(releases: Storage, manifest: Manifest, index: pa.Table) -> Iterator[Check]:
    held = Members.promised(releases, manifest, index)
    damaged = 0
    for shard in manifest.shards:
        try:
            data = releases.read(shard.file)
        except FileNotFoundError:
            damaged += 1
            continue
        if hashlib.sha256(data).hexdigest() != shard.sha256:
            damaged += 1
            continue
        held.look_at(shard, data)
    yield _check("shards are as published", damaged, "are damaged or missing")
    yield _check("index and shards agree", held.misplaced + held.missing, "samples are misplaced")
    yield _check("images decode", held.undecodable, "do not")
    yield _check("nothing rides along in shards or images", held.strange, "members are not clean")

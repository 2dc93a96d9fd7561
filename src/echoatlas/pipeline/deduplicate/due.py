"""Which part of a lake a run has to compare anew: what is new, and what that may be tied to.

A run remembers which files of which tables it has seen, and keeps the codes of all clips
(``kept_codes``). What lies in other files is new, or was made anew. The clips near to that, those
of the same pixels, file, coded pictures or SOP instance, and all that edges tie to these, make a
part of the lake that nothing ties to the rest: compared by itself it comes out as if the whole lake
were compared. Whatever makes that doubtful has the whole lake compared.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.deduplicate.duplicate_rows import COPIED
from echoatlas.pipeline.deduplicate.index import Index, clip_by_clip, indexed
from echoatlas.pipeline.deduplicate.kept_codes import (
    FOLDER,
    Segment,
    forget_codes,
    near_objects,
    read_segment,
    segment_keys,
    segment_of,
    write_segment,
)
from echoatlas.pipeline.deduplicate.places import (
    COMPARES,
    KIND,
    PLACES,
    Files,
    Places,
    as_places,
    places_of_table,
)
from echoatlas.pipeline.deduplicate.ranking import ComparedRows, compared
from echoatlas.pipeline.frames.phash import HASH_VERSION
from echoatlas.pipeline.lake.files import rows_of_file
from echoatlas.pipeline.lake.join import among
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.scratch import folder_of_files

MADE = ("clips", "edges", "duplicates")  # and those that it makes
STATE = f"{FOLDER}state.json"
MOST_LATER = 31  # segments of what was new to a run, from which on all are made anew
PIECE = 250_000  # frames of a segment of the whole lake: its codes are in memory at once
LARGE = 0.5  # of all clips, from which on a part is no better than the whole


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last run left.

    Attributes:
        made_by: step, settings and version of the hashes. files: of the tables that it read.
        states: of the tables that it made. segments: names, each with its bands' kinds.
        whole: how many of these the last comparison of the whole lake left.
    """

    made_by: str
    files: Files
    states: Mapping[str, str]
    segments: Mapping[str, list[int]] = field(default_factory=dict)
    whole: int = 1


@dataclass(frozen=True, slots=True)
class DuePart:
    """What is to be compared.

    Attributes:
        objects: of which all clips are. frames: as of ``ranking.compared``.
        renewed: codes of what is new. places: where that lies (``KIND``).
    """

    objects: pa.Array
    frames: pa.Table
    renewed: Segment
    places: pa.Table
    seen: LastRun


def part_due(
    lake: Lake,
    made_by: str,
    files: Files,
    clips: pa.Table,
    sources: pa.Table,
    config: DeduplicateConfig,
) -> DuePart | None:
    """What has to be compared anew; None if that is the whole lake.

    Args:
        made_by: fingerprint of step and settings. files: of the tables that are compared.
        clips: what the last run said of all clips. sources: as of ``ranking.sources``.
    """
    seen = _seen(lake, made_by)
    if seen is None or len(seen.segments) - seen.whole >= MOST_LATER:
        return None
    new = _new_places(lake, seen, files)
    before = Places.read(lake.storage, [f"{FOLDER}{name}/{PLACES}" for name in seen.segments])
    now = Places.joined([before.take(before.lie_in(files)), Places.of([new])])
    if not before.all_in(now):
        return None
    renewed = new.column("object_id").unique()
    if len(renewed) >= LARGE * max(clips.num_rows, 1):
        return None
    asked = pa.concat_arrays([renewed, _former_copies(clips, renewed)]).unique()
    rows = ComparedRows.read(lake, now.of_some(asked))
    frames = compared(rows)
    own = segment_of(indexed(frames, sources), config.max_distance, mirrors=config.mirrors)
    segments = (read_segment(lake.storage, *one) for one in seen.segments.items())
    near = near_objects(segments, own, config.max_distance)
    same = _same_sources(sources, asked)
    objects = _tied(clips, pa.concat_arrays([asked, near, same]).unique())
    if len(objects) >= LARGE * max(clips.num_rows, 1):
        return None
    more = objects.filter(pa.array(~among(objects, asked)))
    if len(more):
        frames = compared(rows.with_more(ComparedRows.read(lake, now.of_some(more))))
    return DuePart(objects, frames, own, new, seen)


def keep_codes(
    lake: Lake,
    made_by: str,
    files: Files,
    config: DeduplicateConfig,
    part: DuePart | None,
    index: Index,
) -> None:
    """Remember what a run has seen, once all its tables are written.

    Args:
        files: as they were when it began. part: that was compared, or None.
        index: of all that was compared.
    """
    storage = lake.storage
    segments: dict[str, list[int]] = {}
    if part is None:
        forget_codes(storage)
        there = [places_of_table(lake, name) for name in COMPARES]
        places = pa.concat_tables(there).unify_dictionaries()
        made: Iterable[Segment] = (
            segment_of(indexed(rows), config.max_distance, mirrors=config.mirrors, held=False)
            for rows in clip_by_clip(index, PIECE)
        )
    else:
        made, places, segments = [part.renewed], part.places, dict(part.seen.segments)
    for segment in made:
        name = f"{len(segments):04d}"
        with folder_of_files(lake.allowance) as scratch:
            segments[name] = write_segment(storage, name, segment, scratch)
        sink = io.BytesIO()
        pq.write_table(places, sink)
        storage.write(f"{FOLDER}{name}/{PLACES}", sink.getvalue())
        places = KIND.empty_table()
        del segment  # before the next is made
    states = {name: lake.state(name) for name in MADE}
    whole = len(segments) if part is None else part.seen.whole
    seen = LastRun(_identity(made_by), files, states, segments, whole)
    storage.write(STATE, json.dumps(asdict(seen), sort_keys=True).encode())


def _identity(made_by: str) -> str:
    return f"3 {made_by} {HASH_VERSION}"


def _seen(lake: Lake, made_by: str) -> LastRun | None:
    """What the last run left, if all is as it left it."""
    if not lake.storage.exists(STATE):
        return None
    told: dict[str, Any] = json.loads(lake.storage.read(STATE))
    seen = LastRun(**told)
    if seen.made_by != _identity(made_by):
        return None
    there = {entry.key for entry in lake.storage.list(FOLDER)}
    for name, kinds in seen.segments.items():
        if not there.issuperset([f"{FOLDER}{name}/{PLACES}", *segment_keys(name, len(kinds))]):
            return None
    as_left = all(lake.state(name) == state for name, state in seen.states.items())
    return seen if as_left else None


def _new_places(lake: Lake, seen: LastRun, files: Files) -> pa.Table:
    """Where objects lie in files that were not there."""
    parts = [KIND.empty_table()]
    for name, paths in files.items():
        for path in sorted({*paths} - {*seen.files[name]}):
            rows = rows_of_file(lake.storage, name, path, ["object_id"])
            objects = rows.column("object_id").unique().cast(pa.string())
            file = pa.array([path] * len(objects), pa.string()).dictionary_encode()
            parts.append(as_places(name, file, objects))
    return pa.concat_tables(parts).unify_dictionaries()


def _former_copies(clips: pa.Table, renewed: pa.Array) -> pa.Array:
    """Objects with exact copies, that were compared with nothing, of what was made anew."""
    known = clips.column("object_id").filter(pa.array(among(clips.column("object_id"), renewed)))
    some = clips.filter(pa.array(among(clips.column("object_id"), _tied(clips, known))))
    copies = some.filter(pc.starts_with(some.column("digest"), COPIED))
    return copies.column("object_id").combine_chunks()


def _same_sources(sources: pa.Table, asked: pa.Array) -> pa.Array:
    """Objects that have their file, coded pictures or SOP instance in common with some."""
    own = sources.filter(pa.array(among(sources.column("object_id"), asked)))
    found = np.zeros(sources.num_rows, bool)
    for name in sources.column_names[1:]:
        values = own.column(name).unique()
        stated = values.filter(pc.not_equal(values, ""))
        found |= among(sources.column(name), stated)
    return sources.column("object_id").filter(pa.array(found)).combine_chunks()


def _tied(clips: pa.Table, objects: pa.Array) -> pa.Array:
    """Objects, and all that edges tie to any of their clips, however indirectly."""
    owners, ties = clips.column("object_id"), clips.column("tie")
    chosen = pa.chunked_array([objects]) if isinstance(objects, pa.Array) else objects
    while True:
        reached = ties.filter(pa.array(among(owners, chosen))).unique()
        tied = owners.filter(pa.array(among(ties, reached)))
        more = pa.chunked_array([*chosen.chunks, *tied.chunks], pa.string()).unique()
        if len(more) == len(chosen.unique()):
            return more
        chosen = pa.chunked_array([more])

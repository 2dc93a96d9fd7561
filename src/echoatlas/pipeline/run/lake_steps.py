"""What depends on the whole lake: labels, duplicates, the gate. Made anew when inputs change."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.ranking import Thumbnails, compared, sources
from echoatlas.pipeline.deduplicate.whole_lake import Known, Workers, deduplicate
from echoatlas.pipeline.engine.scatter import width
from echoatlas.pipeline.label.fusion import Label, label
from echoatlas.pipeline.label.relabel import changes, fused
from echoatlas.pipeline.plan.settings import deduplicate_config, label_config
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.expectations import validate
from echoatlas.pipeline.run.references import referring
from echoatlas.pipeline.step import fingerprint
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.tables import schema, to_arrow
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.engine import scatter
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.deployment import DeploymentConfig

BULKY = ("image", "overlay", "thumbnail", "patch_map", "mask", "points")
SCATTERED = 50_000  # frames from which on a cluster is asked to find duplicates
AT_ONCE = 1 << 16  # rows of labels that are made at a time
FILES = 200  # of a table, from which on it is written anew as a whole
GATED = (
    "objects",
    "frames",
    "measures",
    "annotations",
    "labels",
    "duplicates",
    "quarantine",
)


def label_lake(lake: Lake, config: DeploymentConfig) -> bool:
    """Label all frames anew if evidence, decisions, rules or the tree changed.

    Returns:
        Whether anything was done.
    """
    chosen = label_config(config)
    mark = fingerprint([(label, chosen)], tree().hash)
    inputs = _inputs(lake, mark, "evidence", "frames", "decisions")
    if lake.done("labels", inputs):
        return False
    labels = fused(lake, chosen)
    lake.replace("labels", lambda: _label_rows(lake, labels, mark), inputs)
    return True


def _label_rows(lake: Lake, labels: Mapping[str, Label], mark: str) -> pa.RecordBatchReader:
    """The rows of ``labels``, a bounded number at a time: frames are many, labels are few."""
    numbers: dict[Label, int] = {}
    for one in (Label(), *labels.values()):
        numbers.setdefault(one, len(numbers))
    once = to_arrow(
        "labels",
        [
            LabelRow(
                # Rows are sorted by this, and then found by their number
                frame_id=f"{number:012d}",
                object_id="",
                tree=tree().hash,
                fingerprint=mark,
                **asdict(one),
            )
            for one, number in numbers.items()
        ],
    )
    unknown = Label()
    # Read before anything is written: delta-rs can't read while it writes
    frames = lake.read("frames", ["frame_id", "object_id"])

    def parts() -> Iterator[pa.RecordBatch]:
        for batch in frames.to_batches(AT_ONCE):
            ids = batch.column("object_id")
            chosen = [numbers[labels.get(one, unknown)] for one in ids.to_pylist()]
            rows = once.take(pa.array(chosen, pa.int64()))
            for name in ("frame_id", "object_id"):
                place = rows.schema.get_field_index(name)
                rows = rows.set_column(place, rows.schema.field(place), batch.column(name))
            yield from rows.combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(schema("labels"), parts())


def relabel(deployment: Deployment) -> tuple[Counter[tuple[str, str]], bool]:
    """Label a lake anew and do nothing else: no bucket is listed, no scan opened.

    Returns:
        (old path, new path) to number of frames, and whether anything was done.

    Raises:
        UsageError: a run holds the lake.
    """
    lake, run_id = deployment.lake, f"label-{secrets.token_hex(6)}"
    config = label_config(deployment.config)
    with lake.held(run_id) as lock:
        if lock.before:
            recover(lake, lock.before)
        changed = changes(lake, config)
        return changed, label_lake(lake, deployment.config)


def deduplicate_lake(
    lake: Lake,
    config: DeploymentConfig,
    run_id: str,
    cluster: Callable[[], scatter.Workers] | None = None,
) -> bool:
    """Cluster the lake's clips anew if any were added, removed or measured anew.

    Only pairs with a clip that is new are looked for and looked at, and only rows that say
    something else than before are written, as long as step and settings stay the same.

    Args:
        run_id: of whoever holds the lake.
        cluster: who takes the work where there is much of it; this process if not given.

    Returns:
        Whether anything was done.
    """
    chosen = deduplicate_config(config)
    mark = fingerprint([(deduplicate, chosen)])
    inputs = _inputs(lake, mark, "measures", "frames", "objects")
    if lake.done("clips", inputs):
        return False
    frames = compared(lake)
    workers = Workers()
    if cluster is not None and frames.num_rows >= SCATTERED:
        shares = 2 * width(config.engine)
        workers = Workers(cluster().scatter, shares, lake.storage)
    known, told = _known(lake, mark), sources(lake)
    found = deduplicate(frames, partial(Thumbnails, lake.storage), chosen, known, workers, told)
    # Clips last: they say what is known. A run that ends before finds those that it takes for new
    for name, rows, column, gone in (
        ("edges", found.edges, "object_id", found.objects),
        ("duplicates", found.duplicates, "tie", found.ties),
        ("clips", found.clips, "object_id", found.objects),
    ):
        if gone is None:
            lake.replace(name, _marked(rows, mark))
        elif len(gone):
            fresh = rows.filter(pc.is_in(rows.column(column), gone))
            lake.exchange(name, column, gone.to_pylist(), _marked(fresh, mark), run_id)
    lake.mark("clips", inputs)
    return True


def _marked(rows: pa.Table, mark: str) -> pa.Table:
    """Rows that say by which step and settings they were made."""
    column = rows.schema.get_field_index("fingerprint")
    marks = pa.array([mark] * rows.num_rows, pa.string())
    return rows.set_column(column, rows.schema.field(column), marks)


def _known(lake: Lake, mark: str) -> Known:
    """What an earlier run with the same step and settings found."""
    made = pc.field("fingerprint") == mark
    clips, edges = (lake.read(name, None, made) for name in ("clips", "edges"))
    scattered = max(len(lake.files(name)) for name in ("clips", "edges", "duplicates")) > FILES
    # Rows of an older step have to go as well
    return Known(clips, edges, anew=scattered or clips.num_rows != lake.count("clips"))


def gate(lake: Lake) -> list[tuple[str, bool, str]]:
    """Check the tables against their expectations: (name, passed, what failed)."""
    found = []
    for name in GATED:
        columns = [c for c in schema(name).names if c not in BULKY]
        found += validate(name, lake.read(name, columns))
    return [*found, *referring(lake.read)]


def _inputs(lake: Lake, mark: str, *names: str) -> str:
    """One name for a fingerprint and the state of the tables that a stage reads."""
    files = {name: lake.files(name) for name in names}
    text = json.dumps([mark, files], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

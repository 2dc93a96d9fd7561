"""What depends on the whole lake: labels and duplicates. Made anew when inputs change."""

from __future__ import annotations

import secrets
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.compared_frames import Frames
from echoatlas.pipeline.deduplicate.due import keep_codes, part_due
from echoatlas.pipeline.deduplicate.every_frame import EveryFrame
from echoatlas.pipeline.deduplicate.places import COMPARES
from echoatlas.pipeline.deduplicate.ranking import Thumbnails, sources
from echoatlas.pipeline.deduplicate.whole_lake import Known, Workers, deduplicate
from echoatlas.pipeline.engine.scatter import width
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.gate.gate import Gate
from echoatlas.pipeline.label.fusion import Label
from echoatlas.pipeline.label.relabel import fused
from echoatlas.pipeline.plan.settings import deduplicate_config, label_config
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.label_inputs import inputs_of, label_changes, label_inputs, label_mark
from echoatlas.pipeline.scratch import folder_of_files
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

# Frames from which on workers are asked to find duplicates, and how many are as much work as an
# object of a run: less is done before workers have started
SCATTERED, AS_OBJECT = 200_000, 5_000
OWN = ("frame_id", "object_id")  # columns of a label that are its frame's own
AT_ONCE = 1 << 16  # rows of labels that are made at a time
FILES = 200  # of a table, from which on it is written anew as a whole


def label_lake(lake: Lake, config: DeploymentConfig, gate: Gate | None = None) -> bool:
    """Label all frames anew if evidence, decisions, rules or the tree changed.

    Labels that do not pass the gate are not committed: those of before stay, and frames that had
    none are in no release.

    Args:
        gate: which the labels have to pass.

    Returns:
        Whether anything was done.
    """
    inputs = label_inputs(lake, config)
    if lake.done("labels", inputs):
        return False
    labels = fused(lake, label_config(config))
    kinds, numbers = _kinds(labels, label_mark(config))
    # Ids are those of the frames, which have passed
    if gate is not None and not gate.table("labels", kinds.drop_columns([*OWN])):
        return False
    lake.replace("labels", lambda: _label_rows(lake, labels, kinds, numbers), inputs)
    return True


def _kinds(labels: Mapping[str, Label], mark: str) -> tuple[pa.Table, dict[Label, int]]:
    """Each different label once, as a row, and its number: frames are many, labels are few."""
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
    return once, numbers


def _label_rows(
    lake: Lake, labels: Mapping[str, Label], once: pa.Table, numbers: Mapping[Label, int]
) -> pa.RecordBatchReader:
    """The rows of ``labels``, a bounded number at a time."""
    unknown = Label()
    # Read before anything is written: delta-rs can't read while it writes
    frames = lake.read("frames", ["frame_id", "object_id"])

    def parts() -> Iterator[pa.RecordBatch]:
        for batch in frames.to_batches(AT_ONCE):
            ids = batch.column("object_id")
            chosen = [numbers[labels.get(one, unknown)] for one in ids.to_pylist()]
            rows = once.take(pa.array(chosen, pa.int64()))
            for name in OWN:
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
        CheckFailed: the labels do not pass the gate; those of before stay.
    """
    lake, run_id = deployment.lake, f"label-{secrets.token_hex(6)}"
    config = deployment.config
    label_config(config)  # what is wrong with it is said before anything is begun
    with lake.held(run_id) as lock:
        if lock.before:
            recover(lake, lock.before)
        changed = label_changes(lake, config)
        gate = Gate(lake, run_id)
        done = label_lake(lake, config, gate)
    if said := gate.said():
        raise CheckFailed(said[0])
    return changed, done


def renew_lake(deployment: Deployment, run_id: str) -> list[str]:
    """Choose anew what stands for others, and label anew, after rows have left.

    Args:
        run_id: of whoever holds the lake.

    Returns:
        What did not pass the gate, in words; its table then stays as it was.
    """
    gate = Gate(deployment.lake, run_id)
    deduplicate_lake(deployment.lake, deployment.config, run_id, gate=gate)
    label_lake(deployment.lake, deployment.config, gate)
    return gate.said()


def deduplicate_lake(
    lake: Lake,
    config: DeploymentConfig,
    run_id: str,
    cluster: Callable[[int], scatter.Workers] | None = None,
    gate: Gate | None = None,
) -> bool:
    """Cluster the lake's clips anew if any were added, removed or measured anew.

    Only pairs with a clip that is new are looked for and looked at, only what may be tied to such
    clips is read (``due``), and only rows that say something else than before are written, as
    long as step and settings stay the same.

    Args:
        run_id: of whoever holds the lake.
        cluster: who takes so many objects' work where there is much; this process if not given.
        gate: which the rows have to pass before any of them is committed.

    Returns:
        Whether anything was done.
    """
    with lake.kept_open(), ExitStack() as stack:
        return _deduplicate_lake(lake, config, run_id, cluster, gate, stack)


def _deduplicate_lake(
    lake: Lake,
    config: DeploymentConfig,
    run_id: str,
    cluster: Callable[[int], scatter.Workers] | None,
    gate: Gate | None,
    stack: ExitStack,
) -> bool:
    chosen = deduplicate_config(config)
    mark = fingerprint([(deduplicate, chosen)])
    files = {name: lake.files(name) for name in COMPARES}
    inputs = inputs_of(mark, files)
    if lake.done("clips", inputs):
        return False
    known, told = _known(lake, mark), sources(lake)
    part = None if known.anew else part_due(lake, mark, files, known.clips, told, chosen)
    if part is not None:
        known = _of_part(known, part.objects)
    frames: Frames
    if part is None:
        frames = EveryFrame.read(lake, stack.enter_context(folder_of_files(lake.allowance)))
    else:
        frames = part.frames
    workers = Workers()
    if cluster is not None and frames.num_rows >= SCATTERED:
        shares = 2 * width(config.engine)
        some = cluster(frames.num_rows // AS_OBJECT)
        workers = Workers(some.scatter, shares, lake.storage)
    found = deduplicate(frames, partial(Thumbnails, lake.storage), chosen, known, workers, told)
    # Clips last: they say what is known. A run that ends before finds those that it takes for new
    due = [
        (name, column, gone, _marked(_changed(rows, column, gone), mark))
        for name, rows, column, gone in (
            ("edges", found.edges, "object_id", found.objects),
            ("duplicates", found.duplicates, "tie", found.ties),
            ("clips", found.clips, "object_id", found.objects),
        )
    ]
    if gate is not None:
        ids = frames.column("frame_id")
        if not all([gate.table(name, rows, ids) for name, _, _, rows in due]):  # noqa: C419
            return False
    for name, column, gone, rows in due:
        if gone is None:
            lake.replace(name, rows)
        elif len(gone):
            lake.exchange(name, column, gone.to_pylist(), rows, run_id)
    lake.mark("clips", inputs)
    index = found.index
    del found, due, known, told  # codes of a whole lake take as much again
    keep_codes(lake, mark, files, chosen, part, index)
    return True


def _changed(rows: pa.Table, column: str, gone: pa.Array | None) -> pa.Table:
    """Those of the rows that are to be written: all, or of what goes."""
    return rows if gone is None else rows.filter(pc.is_in(rows.column(column), gone))


def _marked(rows: pa.Table, mark: str) -> pa.Table:
    """Rows that say by which step and settings they were made."""
    column = rows.schema.get_field_index("fingerprint")
    marks = pa.array([mark] * rows.num_rows, pa.string())
    return rows.set_column(column, rows.schema.field(column), marks)


def _known(lake: Lake, mark: str) -> Known:
    """What an earlier run with the same step and settings found."""
    clips, edges = (_made_by(mark, lake.read(name)) for name in ("clips", "edges"))
    scattered = max(len(lake.files(name)) for name in ("clips", "edges", "duplicates")) > FILES
    # Rows of an older step have to go as well
    return Known(clips, edges, anew=scattered or clips.num_rows != lake.count("clips"))


def _made_by(mark: str, rows: pa.Table) -> pa.Table:
    """Rows of one step and settings; all of them, as most often, are not copied."""
    own = pc.equal(rows.column("fingerprint"), mark)
    return rows if pc.all(own).as_py() else rows.filter(own)


def _of_part(known: Known, objects: pa.Array) -> Known:
    """What was found of some objects that nothing ties to others."""
    clips, edges = (
        some.filter(pc.is_in(some.column("object_id"), objects))
        for some in (known.clips, known.edges)
    )
    return Known(clips, edges, part=True)

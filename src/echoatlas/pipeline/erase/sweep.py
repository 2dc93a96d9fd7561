"""What an erasure deletes besides: what no living release needs, and what kills left half written.

Nobody else writes shards or tables meanwhile: the lake is held, and whoever cut a release has given
way.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.erase.successor import silent
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.unfinished import abort, unfinished
from echoatlas.pipeline.release.huggingface import README, readme_of_releases
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of, names
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.release.sweep import unused
from echoatlas.pipeline.scratch import remove_leftovers
from echoatlas.pipeline.storage.storage import LocalStorage

if TYPE_CHECKING:
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.scratch import Allowance
    from echoatlas.pipeline.storage.storage import Storage


def sweep(lake: Lake, releases: Storage, gone: Doomed) -> None:
    """Delete all that no living release needs, however young; and have none that is left, nor the
    table of all releases, name what goes.

    Raises:
        CheckFailed: a manifest or a notice is damaged.
    """
    releases.delete([entry.key for entry in unused(releases)])
    manifests = [manifest_of(releases, name) for name in living_names(releases)]
    releases.write(README, readme_of_releases(iter(manifests)))
    _forget_selections(lake, releases, gone)


def empty_scratch(allowance: Allowance) -> None:
    """Delete what commands keep on disk while they work, and what killed ones left there.

    Whoever read the lake before rows left it may hold them in such a folder. The system's folder
    for temporary files is not the lake's alone: there only what is left of this machine's goes.
    """
    shared = allowance.place == Path(tempfile.gettempdir())
    remove_leftovers(allowance.place, all_of_them=not shared)


def give_up_half_written(*places: Storage) -> bool:
    """Delete what processes that were killed left half written: no listing has it, and its bytes
    are there all the same.

    Returns:
        False if a service does not let us list unfinished uploads: its own rules have to expire
        them.
    """
    told = True
    for place in places:
        if isinstance(place, LocalStorage):
            place.delete([entry.key for entry in place.half_written()])
            continue
        try:
            abort(place, unfinished(place))
        except UsageError:
            told = False
    return told


def _forget_selections(lake: Lake, releases: Storage, gone: Doomed) -> None:
    """Have selections that name ids of what goes name them no more: in manifests of releases that
    are gone, and in the table of all."""
    for name in set(names(releases)) - set(living_names(releases)):
        key = f"{name}/{MANIFEST}"
        told = json.loads(releases.read(key))
        where = silent(told["config"]["where"], gone)
        if where != told["config"]["where"]:
            told["config"]["where"] = where
            releases.write(key, json.dumps(told, sort_keys=True, indent=1).encode())
    rows = lake.read("releases")
    before = rows.column("where").to_pylist()
    said = [silent(one, gone) for one in before]
    changed = pa.array([one != now for one, now in zip(before, said, strict=True)], pa.bool_())
    mine = rows.set_column(
        rows.schema.get_field_index("where"),
        rows.schema.field("where"),
        pa.array(said, pa.string()),
    ).filter(changed)
    if mine.num_rows:
        column, run_id = mine.column("name").to_pylist(), f"erase-{gone.request}"
        lake.exchange("releases", "name", column, mine, run_id)

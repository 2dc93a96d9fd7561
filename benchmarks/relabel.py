"""Memory and time of labeling a lake anew, beside what the tables that it reads take in Arrow.

100,000 objects with 8 hints each and 4 frames, of which some are alike, as in a real lake.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Sequence

import pyarrow as pa

from benchmarks.harness import apart, few, report, seeded
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.tables import schema
from echoatlas.taxonomy.tree import tree

OBJECTS, FRAMES, AT_ONCE = few((100_000, 4, 20_000), (4_000, 4, 2_000))
SEED = 1
SAID = (("study", 0.93), ("series", 0.95), ("protocol", 0.92), ("image_type", 0.88),
        ("site_prior", 0.85))  # fmt: skip
IMPORTS = """
import sys, time
from pathlib import Path
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.lake_steps import label_lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.deployment import DeploymentConfig
lake = Lake(Storage.open(sys.argv[1]))
lake.read("runs")
started = time.process_time()
"""
LABEL = "label_lake(lake, DeploymentConfig())\n"


def identity(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def plain(name: str, number: int, **given: Sequence[object]) -> pa.Table:
    """Rows of a table with the given columns, and nothing in the others."""
    empty = {"int64": 0, "double": 0.0, "string": "", "bool": False, "binary": b""}
    columns = {}
    for field in schema(name):
        nothing = None if field.nullable else empty[str(field.type)]
        columns[field.name] = given.get(field.name) or pa.array([nothing] * number, field.type)
    return pa.table(columns, schema=schema(name))


def make(lake: Lake) -> int:
    """Fill a lake; how many bytes the columns that labeling reads have in Arrow."""
    dice, nodes = random.Random(SEED), [organ.path for organ in tree().organs]
    size = 0
    for start in range(0, OBJECTS, AT_ONCE):
        ids = [identity(number) for number in range(start, start + AT_ONCE)]
        said = []
        for one in ids:
            node, side = dice.choice(nodes), dice.choice(["left", "right"])
            said += [(one, "anatomy", node, *source, f"{source[0]}:t") for source in SAID]
            said += [(one, axis, term, "series", 0.9, "series:t")
                     for axis, term in (("laterality", side), ("mode", "m_mode"),
                                        ("application", "external"))]  # fmt: skip
        names = ("object_id", "axis", "node", "source", "weight", "rule")
        given = dict(zip(names, map(list, zip(*said, strict=True)), strict=True))
        evidence = plain("evidence", len(said), **given)
        owners = [one for one in ids for _ in range(FRAMES)]
        frames = plain(
            "frames",
            len(owners),
            frame_id=[identity(one, place) for place, one in enumerate(owners)],
            object_id=list(owners),
        )
        lake.append("evidence", evidence)
        lake.append("frames", frames)
        size += evidence.select(names).nbytes + frames.select(["frame_id", "object_id"]).nbytes
    return size


def main() -> None:
    """Tell peak memory and CPU time of labeling, over what starting takes."""
    seeded("relabel", lake=SEED)
    with tempfile.TemporaryDirectory() as folder:
        size = make(Lake(Storage.open(folder))) >> 20
        (idle, _), (peak, seconds) = apart(IMPORTS, folder), apart(IMPORTS + LABEL, folder)
    report(
        "relabel",
        "labeling",
        objects=OBJECTS,
        frames=OBJECTS * FRAMES,
        cpu_s=seconds,
        grown_mb=peak - idle,
        at_rest_mb=idle,
        read_mb=size,
        times_read=(peak - idle) / max(size, 1),
        an_object_kb=(peak - idle) * 1024 / OBJECTS,
    )


if __name__ == "__main__":
    main()

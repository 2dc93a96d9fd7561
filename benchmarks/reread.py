"""What committing evidence that was read anew costs: all groups together, beside one by one.

Objects have 8 hints each, and 400 of them are a group, as workers bring them. One by one each
group looks through the whole table, which is measured on the first few of them.
"""

from __future__ import annotations

import hashlib
import resource
import tempfile
import time
from dataclasses import replace

from echoatlas.pipeline.lake.staged import write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.write_ahead_log import Intent
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.rows import EvidenceRow
from echoatlas.schemas.tables import to_arrow

OBJECTS, HINTS, GROUP, ALONE = 50_000, 8, 400, 5


def hints(ids: tuple[str, ...], fingerprint: str) -> list[EvidenceRow]:
    """Evidence of objects, as a reading under a fingerprint left it."""
    row = EvidenceRow("", "site", "anatomy", "thorax/breast", "study", 0.9, "", fingerprint)
    return [replace(row, object_id=one, rule=f"t:{n}") for one in ids for n in range(HINTS)]


def intents(lake: Lake, ids: list[str], run: str) -> list[Intent]:
    """A run's groups, their parts written, none of them committed."""
    made = []
    for number, start in enumerate(range(0, len(ids), GROUP)):
        some = tuple(ids[start : start + GROUP])
        table = to_arrow("evidence", hints(some, run))
        part = write_part(lake.storage, table, "evidence", f"part-{run}-g{number:06d}")
        made.append(Intent(f"{run}-g{number:06d}", (part,), reread=some if run != "r0" else ()))
    return made


def main() -> None:
    """Print CPU seconds and how much memory grew."""
    ids = [hashlib.blake2b(str(n).encode(), digest_size=16).hexdigest() for n in range(OBJECTS)]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Storage.open(folder))
        lake.apply(*intents(lake, ids, "r0"))
        groups = intents(lake, ids, "r1")

        started = time.process_time()
        for one in groups[:ALONE]:
            lake.apply(one)
        alone = (time.process_time() - started) / ALONE * len(groups)

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        lake.apply(*groups)
        together = time.process_time() - started
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        kept = lake.read("evidence", ["fingerprint"]).column(0).to_pylist()
    assert kept == ["r1"] * (OBJECTS * HINTS)
    print(f"{OBJECTS} objects in {len(groups)} groups: together {together:.1f} s CPU and "
          f"{grown / OBJECTS:.2f} kB an object; one by one {alone:.0f} s, "
          f"{alone / together:.0f} times as long")  # fmt: skip

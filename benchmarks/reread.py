"""What committing evidence that was read anew costs: all groups together, beside one by one.

Objects have 8 hints each, and 400 of them are a group, as workers bring them. One by one each
group looks through the whole table, which is measured on the first few of them.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace

from benchmarks.harness import few, peak_mb, report, took
from echoatlas.pipeline.lake.staged import write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.write_ahead_log import Intent
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.labels import EvidenceRow
from echoatlas.schemas.tables import to_arrow

OBJECTS, HINTS, GROUP, ALONE = few((50_000, 8, 400, 5), (4_000, 8, 400, 2))


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
    """Tell CPU seconds and how much memory grew."""
    ids = [hashlib.blake2b(str(n).encode(), digest_size=16).hexdigest() for n in range(OBJECTS)]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Storage.open(folder))
        lake.apply(*intents(lake, ids, "r0"))
        groups = intents(lake, ids, "r1")

        first = took(lambda: [lake.apply(one) for one in groups[:ALONE]])
        alone = first / ALONE * len(groups)

        before = peak_mb()
        together = took(lambda: lake.apply(*groups))
        grown = peak_mb() - before
        kept = lake.read("evidence", ["fingerprint"]).column(0).to_pylist()
    assert kept == ["r1"] * (OBJECTS * HINTS)
    report(
        "reread",
        "committing",
        objects=OBJECTS,
        groups=len(groups),
        together_s=together,
        an_object_kb=grown * 1024 / OBJECTS,
        one_by_one_s=alone,
        times_together=alone / together,
    )


if __name__ == "__main__":
    main()

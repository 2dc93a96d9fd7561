"""Whether a commit costs the same however many there were: 2,000 of them, as runs make them.

Each takes one batch of a few rejected objects through the committer: written down, carried out in
two tables, forgotten. The last hundred beside the first. "Must hold": at most 1.5 times.

    python -m benchmarks.commits [COMMITS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Took, few, report
from echoatlas.pipeline.event_log import EventLog
from echoatlas.pipeline.lake.outcome import outcome_row
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.commit import Committer
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.config.deployment import Engine
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.values import Status

COMMITS = few(2_000, 30)
ROWS = 8  # objects of a commit
HUNDRED = few(100, 10)
RUN = "r20260101T000000-000000"


def rows(number: int) -> list[object]:
    """What is said of some objects that were rejected."""
    found: list[object] = []
    for at in range(ROWS):
        name = f"{number:06d}{at:02d}"
        seen = SightingRow(name, name, name, "st", "upload", "", -1, number * ROWS + at, 1)
        found += [seen, outcome_row(seen, Status.DUPLICATE)]
    return found


def main(commits: int = COMMITS) -> None:
    """Print what the first and the last hundred commits take."""
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(LocalStorage(Path(folder)))
        with lake.held(RUN), EventLog(lake.storage, RUN, ["st"]) as log:
            committer = Committer(lake, RUN, Engine(group=1), log)
            for number in range(commits):
                with Took() as took:
                    committer.rows("st", rows(number))
                    committer.finished("st", [])
                spent.append(took.seconds)
            committer.close()
        kept = lake.count("objects")
    first, last = sum(spent[:HUNDRED]), sum(spent[-HUNDRED:])
    report(
        "commits",
        f"{commits:,} commits",
        rows=kept,
        first_hundred_s=first,
        last_hundred_s=last,
        last_times_first=last / first,
        all_s=sum(spent),
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

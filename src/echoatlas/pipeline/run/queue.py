"""How long uploads have been waiting, by site: told by each look at buckets, and by each run.

A time is told and not an age: so the age goes on growing where nothing looks any more.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from echoatlas.pipeline.run.metrics import FOLDER, exposition, samples_of

if TYPE_CHECKING:
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.storage.storage import Storage

QUEUE = f"{FOLDER}queue.prom"
OBJECTS, OLDEST, LOOKED = (
    f"echoatlas_queue_{name}" for name in ("objects", "oldest_seconds", "looked_seconds")
)


def tell_queue(storage: Storage, surveys: Iterable[Survey], taken: Collection[str] = ()) -> None:
    """Write down what waits at some sites; what was told of others stays.

    Args:
        storage: of the lake.
        taken: sites of which a run has taken all that was due.
    """
    told = samples_of(storage.read(QUEUE)) if storage.exists(QUEUE) else {}
    objects, oldest = dict(told.get(OBJECTS, {})), dict(told.get(OLDEST, {}))
    for seen in surveys:
        site = (seen.site.site,)
        due = seen.site.site not in taken
        objects[site] = seen.waiting + due * (len(seen.fresh) + len(seen.pending))
        since = [one for one in (seen.waiting_since, seen.due_since if due else None) if one]
        oldest.pop(site, None)
        if since:
            oldest[site] = min(since)
    when: dict[tuple[str, ...], float] = {(): time.time()}
    storage.write(QUEUE, exposition({OBJECTS: objects, OLDEST: oldest, LOOKED: when}))

"""Say before a run how labels would change by other words or rules, from some objects' headers.

A plan opens no scan but these: reading all headers is what the run is for. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.evidence.structured_report import SOURCE as REPORT
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.label.relabel import decisions, evidence_of, labeled, primary
from echoatlas.pipeline.plan.batch import UNJUDGED, batches
from echoatlas.pipeline.plan.settings import label_config
from echoatlas.pipeline.run.reread import read_evidence
from echoatlas.pipeline.run.sources import Sources
from echoatlas.pipeline.run.worker import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.schemas.records import Hint
    from echoatlas.schemas.rows.objects import SightingRow


@dataclass(slots=True)
class Forecast:
    """How the labels of some objects would change.

    Attributes:
        read: objects whose headers were read for this.
        of: objects whose headers a run would read.
        changes: (old path, new path) to number of frames, of those that were read.
    """

    read: int = 0
    of: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)


def forecast(deployment: Deployment, surveys: Iterable[Survey], most: int) -> Forecast:
    """Read at most ``most`` headers that a run would read anew, and label by what they say.

    Which ones does not hang on what they show: the first by their ids, which are hashes; those
    in archives only at a site where nothing lies loose.
    """
    found = Forecast()
    due = [seen for seen in surveys if seen.unread]
    found.of = sum(len(seen.unread) for seen in due)
    if not due or not most:
        return found
    told: dict[str, tuple[Hint, ...]] = {}
    for seen in due:
        some = seen.items(_some(seen, most // len(due)))
        for batch in batches(deployment, seen, [(UNJUDGED, some)], "plan"):
            sources = Sources.of(batch, reading(batch))
            for item in batch.items:
                try:
                    hints = read_evidence(batch, item, sources)
                except Reject:  # the run will say what is wrong with it
                    continue
                found.read += 1
                if hints is not None:
                    told[item.sighting.object_id] = hints
    lake, fusion = deployment.lake, label_config(deployment.config)
    before, decided = evidence_of(lake), decisions(lake)
    news = {
        one: label(
            (*hints, *(h for h in before.get(one, ()) if h.source == REPORT and h not in hints)),
            fusion,
        )
        for one, hints in told.items()
        if one not in decided
    }
    for object_id, paths in labeled(lake):
        if object_id in news and news[object_id].paths != paths:
            found.changes[primary(paths), primary(news[object_id].paths)] += 1
    return found


def _some(seen: Survey, most: int) -> list[SightingRow]:
    """Some of the kept objects whose headers are to be read anew."""
    kept = [one for one in seen.unread if one.object_id not in seen.rejected]
    loose = [one for one in kept if one.member < 0]
    chosen = sorted(loose or kept, key=lambda one: (one.container, one.object_id))
    return chosen[: max(most, 1)]

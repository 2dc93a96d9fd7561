"""New objects in lots, each judged as a whole before any of it is committed: is it like before?

A lot is some uploads together, or a part of a large one; which, the order of sighting tells and
nothing else, so any number of workers gives the same. Each is held against what the lake had of the
site as the run began. What is not like it is said, or waits for a person (``drift.hold``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from echoatlas.pipeline.gate.drift import said, shifts, times, volume
from echoatlas.pipeline.gate.held import Unlike, batches_held
from echoatlas.pipeline.gate.history import Before, before_at, lately, remember_lately, uploads_of
from echoatlas.pipeline.gate.mix import Mix
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.plan.batch import UNJUDGED, Batch
from echoatlas.pipeline.plan.settings import label_config
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.gate.drift import Shift
    from echoatlas.pipeline.gate.gate import Gate
    from echoatlas.pipeline.gate.history import SentUpload
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.plan.work_item import WorkItem
    from echoatlas.pipeline.run.worker import BatchResult
    from echoatlas.schemas.records import Hint
    from echoatlas.schemas.rows.objects import SightingRow

MOST = 1_000  # objects of a lot
# The same with ``drift.hold``: nothing of a lot is committed before it is judged, so a run that was
# killed does it again. About as many are in a group of batches, which are committed together
MOST_HELD = 250
Answer: TypeAlias = "tuple[Batch, BatchResult]"


def cut_lots(items: Iterable[WorkItem], least: int, most: int = MOST) -> list[list[WorkItem]]:
    """Cut objects, in order, where an upload ends or a lot is full; none is below ``least``, if
    there are as many.

    Args:
        most: objects of a lot; ``least`` if that is more. The last one may have what is below
            ``least`` besides.
    """
    lots: list[list[WorkItem]] = []
    for item in items:
        new = not lots or len(lots[-1]) >= max(least, most)
        if not new and len(lots[-1]) >= least:
            new = lots[-1][-1].sighting.upload != item.sighting.upload
        if new:
            lots.append([])
        lots[-1].append(item)
    if len(lots) > 1 and len(lots[-1]) < least:
        last = lots.pop()
        lots[-1] += last
    return lots


@dataclass(slots=True)
class _Open:
    """A lot of which not all batches are done.

    Attributes:
        left: objects that are not done. mix: of those that are.
        answers: what was made of these, where that waits for the lot to be judged.
    """

    items: Sequence[WorkItem]
    left: int
    mix: Mix = field(default_factory=Mix)
    answers: list[Answer] = field(default_factory=list)


class Lots:
    """What is due at a site, cut into lots, and what becomes of each.

    Attributes:
        lots: number and objects of each: of new ones from 0 on, then what is not compared, since
            a person accepted it or it is only done anew.
        objects: in all of them.
    """

    def __init__(self, deployment: Deployment, seen: Survey, gate: Gate) -> None:
        self._site, self._gate, self._lake = seen.site, gate, deployment.lake
        self._labels = label_config(deployment.config)
        self._limits = _digest(f"{seen.site.drift.model_dump_json()} {seen.marks.frames}")
        self._lately = lately(self._lake.storage).get(seen.site.site, Mix())
        self._before = Before()
        right = set(seen.site.drift.accept)
        accepted = [row for row in seen.pending if row.upload in right]
        others = [row for row in seen.pending if row.upload not in right]
        new = seen.items(self._of_usual_size(self._not_waiting(others)))
        judged = self._has_history(len(new))
        drift = seen.site.drift
        most = MOST_HELD if drift.hold else MOST
        cut = cut_lots(new, drift.min_objects, most) if judged else [new] if new else []
        self._open = {n: _Open(some, len(some)) for n, some in enumerate(cut)} if judged else {}
        rest = seen.items([*accepted, *seen.stale])
        self.lots = [*enumerate(cut), *([(UNJUDGED, rest)] if rest else [])]
        self.objects = sum(len(some) for _, some in self.lots)

    def _not_waiting(self, pending: Sequence[SightingRow]) -> list[SightingRow]:
        """What does not wait for a person since an earlier run."""
        known = batches_held(self._lake.storage).get(self._site.site)
        rest = list(pending)
        for one in known.unlike if known is not None else ():
            kept = [row for row in rest if not one.holds(row.ordinal, self._limits)]
            if waiting := len(rest) - len(kept):
                self._gate.keeps(self._site, replace(one, objects=waiting))
            rest = kept
        return rest

    def _of_usual_size(self, new: list[SightingRow]) -> list[SightingRow]:
        """What is in no upload that is larger or smaller by far than those of before, or is taken
        all the same. An upload that comes in several runs is looked at in the first."""
        if not new:
            return new
        sent = uploads_of(self._lake, self._site)
        ordinals = {row.ordinal for row in new}
        fresh = {name for name, one in sent.items() if one.first in ordinals}
        before = [one.objects for name, one in sent.items() if name not in fresh]
        odd: dict[str, Shift] = {}
        for name in sorted(fresh, key=lambda name: sent[name].first):
            found = volume(sent[name].objects, before, self._site.drift)
            if found is not None and found.moved and not self._is_like_accepted(sent, name):
                odd[name] = found
        self._gate.compared(self._site, odd.values())
        if not self._site.drift.hold:
            return new
        for name, found in odd.items():
            self._keep([row for row in new if row.upload == name], [found])
        return [row for row in new if row.upload not in odd]

    def _is_like_accepted(self, sent: Mapping[str, SentUpload], name: str) -> bool:
        limits = self._site.drift
        sizes = [sent[one].objects for one in limits.accept if one in sent]
        some = (times(sent[name].objects, size) <= limits.max_times for size in sizes)
        return any(some)

    def _has_history(self, new: int) -> bool:
        """Whether new objects and those of before are enough to be compared; these are counted."""
        least = self._site.drift.min_objects
        if not new:
            return False
        lately = new + self._lately.objects
        if lately < least:
            few = f"{number_of(lately, 'object')} came since it was last compared"
            self._gate.not_compared(self._site, f"{few}: it is from {least} on.")
            return False
        found = before_at(self._lake, self._site)
        self._before = replace(found, every=found.every.less(self._lately))
        if self._before.every.objects < least:
            few = (
                "There is no history yet: "
                f"{number_of(self._before.every.objects, 'object')} came before"
            )
            self._gate.not_compared(self._site, f"{few}, and {least} are needed.")
            return False
        return True

    def settled(self, batch: Batch, answer: BatchResult | None) -> Iterator[tuple[Answer, bool]]:
        """A batch is done: what is passed on now, each with whether it may be.

        Args:
            answer: None where it was lost with its worker.
        """
        lot = self._open.get(batch.lot)
        if lot is None:
            if answer is not None:
                few = answer.mix if batch.lot != UNJUDGED else Mix()
                self._lately = self._lately.plus(few)
                yield (batch, answer), True
            return
        lot.left -= len(batch.items)
        if answer is not None:
            lot.mix = lot.mix.plus(answer.mix)
            if self._site.drift.hold:
                lot.answers.append((batch, answer))
            else:  # it is taken however the lot compares: a run that is killed has less to do again
                yield (batch, answer), True
        if not lot.left:
            del self._open[batch.lot]
            passes = self._passes(lot)
            yield from ((one, passes) for one in sorted(lot.answers, key=lambda one: one[0].id))

    def _passes(self, lot: _Open) -> bool:
        """Whether a lot is taken; what is not like before is said."""
        limits = self._site.drift
        new = lot.mix
        few = new.objects < limits.min_objects
        if few:
            new = new.plus(self._lately)
        found = self._compared(new)
        self._gate.compared(self._site, found)
        moved = [one for one in found if one.moved]
        if moved and limits.hold:
            self._keep([item.sighting for item in lot.items], moved)
            return False
        if few:
            self._lately = Mix() if found else new
        return True

    def _compared(self, new: Mix) -> list[Shift]:
        """With all that came before; where it is not like that, with what a person accepted."""
        limits = self._site.drift
        found = shifts(new, self._before.every, limits, self._organ_of)
        if any(one.moved for one in found):
            other = shifts(new, self._before.accepted, limits, self._organ_of)
            if other and not any(one.moved for one in other):
                return other
        return found

    def _keep(self, rows: Sequence[SightingRow], moved: Sequence[Shift]) -> None:
        ordinals = [row.ordinal for row in rows]
        uploads = tuple(dict.fromkeys(row.upload for row in rows))
        place = min(ordinals), max(ordinals), len(rows)
        self._gate.keeps(self._site, Unlike(*place, uploads, self._limits, tuple(said(moved))))

    def _organ_of(self, hints: tuple[Hint, ...]) -> str:
        return label(hints, self._labels).organ

    def finish(self) -> None:
        """Note what came too little at a time to be compared."""
        known = self._before.every.objects or self._lately.objects < self._site.drift.min_objects
        remember_lately(self._lake.storage, {self._site.site: self._lately if known else Mix()})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

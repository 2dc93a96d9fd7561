"""What kinds of objects there are, as counts: small, whatever number of objects they are of.

Objects are counted, not frames: a long clip is one, and is known by its first frame.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias, get_args

from echoatlas.schemas.config.site import Mixed
from echoatlas.schemas.records import Hint
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import EvidenceRow
from echoatlas.schemas.rows.objects import ObjectRow

Counts: TypeAlias = Counter[str]
OrganOf: TypeAlias = Callable[[tuple[Hint, ...]], str]  # what hints are evidence of
NUMBERS = ("gray_levels", "sizes")  # whose kinds are whole numbers
NONE = "none"  # the kind of what has no number
COLUMN, ROW = "\t", "\n"  # between the columns of a hint, and between hints


@dataclass(slots=True)
class Mix:
    """Objects by what they are.

    Attributes:
        objects: that have frames.
        kinds: of devices, formats, ... each kind to its objects; of organs, what is evidence of
            them: rules may change.
    """

    objects: int = 0
    kinds: dict[str, Counts] = field(
        default_factory=lambda: {what: Counter() for what in get_args(Mixed)}
    )

    def take(self, outcome: ObjectRow, rows: Iterable[object]) -> None:
        """Count a kept object, by all its rows; one without frames is not of the mix."""
        frames, means, hints = [], {}, []
        for row in rows:
            if isinstance(row, FrameRow):
                frames.append(row)
            elif isinstance(row, MeasureRow):
                means[row.frame_id] = row.mean
            elif isinstance(row, EvidenceRow):
                hints.append((row.axis, row.node, row.source, str(row.weight), row.rule))
        if not frames:
            return
        first = min(frames, key=lambda frame: (frame.frame_index, frame.pane))
        self.objects += 1
        for what, kind in (
            ("devices", f"{outcome.maker}, {outcome.model}"),
            ("formats", outcome.format),
            ("organs", ROW.join(sorted({COLUMN.join(hint) for hint in hints}))),
            ("gray_levels", _floored(means.get(first.frame_id, math.nan))),
            ("sizes", str(first.native_width)),
        ):
            self.kinds[what][kind] += 1

    def plus(self, *others: Mix) -> Mix:
        """The objects of several."""
        every = (self, *others)
        kinds = {what: sum((one.kinds[what] for one in every), Counter()) for what in self.kinds}
        return Mix(sum(one.objects for one in every), kinds)

    def less(self, other: Mix) -> Mix:
        """The objects but for others that are among them."""
        kinds = {what: counts - other.kinds[what] for what, counts in self.kinds.items()}
        return Mix(self.objects - other.objects, kinds)

    def organs(self, organ_of: OrganOf) -> Counts:
        """How many objects show each organ, as far as what is said of each by itself tells."""
        found: Counts = Counter()
        for said, number in self.kinds["organs"].items():
            found[organ_of(hints_of(said))] += number
        return found

    def to_plain(self) -> Mapping[str, Any]:
        """The same, as JSON has it."""
        kinds = {what: dict(sorted(counts.items())) for what, counts in self.kinds.items()}
        return {"objects": self.objects, "kinds": kinds}

    @staticmethod
    def from_plain(raw: Mapping[str, Any]) -> Mix:
        """The inverse of ``to_plain``.

        Raises:
            ValueError, KeyError, TypeError: it is none of today's.
        """
        kinds = {what: Counter(raw["kinds"][what]) for what in get_args(Mixed)}
        return Mix(int(raw["objects"]), {what: Counter(some) for what, some in kinds.items()})


def _floored(value: float) -> str:
    """A number as a kind."""
    return NONE if math.isnan(value) else str(math.floor(value))


@cache
def hints_of(said: str) -> tuple[Hint, ...]:
    """What stands in the kinds of organs, in order."""
    rows: Sequence[list[str]] = [one.split(COLUMN) for one in said.split(ROW) if one]
    hints = [Hint(axis, node, source, float(weight), rule)
             for axis, node, source, weight, rule in rows]  # fmt: skip
    return tuple(sorted(hints, key=lambda hint: (hint.axis, hint.node, hint.rule, hint.source)))

"""How often values stand in tables that are read for something else as well: each but once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from echoatlas.pipeline.lake.codes import TextCodes

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.portions import Portion, Wanted
    from echoatlas.pipeline.lake.tables import Lake

Values: TypeAlias = tuple[str, ...]  # of columns that are counted together


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """Counts of the values of some columns, of few different texts each.

    Attributes:
        columns: table to which of its columns are counted, some of them together.
        found: table and columns to how often which values stand, as far as tables were read.
    """

    columns: Mapping[str, Sequence[Values]]
    found: dict[tuple[str, Values], Counter[Values]] = field(default_factory=dict)

    def portions(self, lake: Lake, wanted: Wanted) -> Iterator[Portion]:
        """Rows of a table, which are counted as they are handed on: take all of them."""
        groups = self.columns.get(wanted.name, ())
        more = tuple(dict.fromkeys(name for group in groups for name in group))
        columns = tuple(dict.fromkeys((*wanted.columns, *more)))
        for rows in lake.portions(replace(wanted, columns=columns, coded={*wanted.coded, *more})):
            for group in groups:
                counts = self.found.setdefault((wanted.name, group), Counter())
                counts.update(_counted([TextCodes.of(rows.chunks(name)) for name in group]))
            yield rows

    def of(self, table: str, column: str) -> Counter[str]:
        """How often each value of a column stands that is counted by itself."""
        found = self.found.get((table, (column,)), Counter())
        return Counter({value: number for (value,), number in found.items()})


def _counted(columns: Sequence[TextCodes]) -> dict[Values, int]:
    """Values that stand beside each other to how often they do."""
    number = np.zeros(len(columns[0]), np.int64)
    for one in columns:
        number = number * len(one.words) + one.numbers
    sizes = [len(one.words) for one in columns]
    found = np.bincount(number, minlength=int(np.prod(sizes))).tolist()
    values = product(*(one.words for one in columns))
    return {one: times for one, times in zip(values, found, strict=True) if times}

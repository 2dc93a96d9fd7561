"""How far sites, or collections, show the same: frames, clips and patients of one that another has.

What is the same is what deduplication verified; what it could not tell apart is counted beside it,
by clips. Pictures too flat to be told apart by their looks are nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.lake.views import views

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

# Of each party: its frames, and what stands for them; of each pair, the frames that share that.
VIEWS = """
CREATE TABLE shown AS
    SELECT f.frame_id, f.object_id || '/' || f.pane AS clip, f.patient, g.party,
        d.representative, d.tie
    FROM f JOIN g USING (site) JOIN d USING (frame_id) JOIN m USING (frame_id)
    WHERE octet_length(m.fan_phash256) > 0;
CREATE VIEW heads AS
    SELECT representative, party, count(DISTINCT clip) AS clips FROM shown GROUP BY ALL;
CREATE VIEW ties AS SELECT tie, party, count(DISTINCT clip) AS clips FROM shown GROUP BY ALL;
CREATE TABLE same AS
    SELECT s.party AS one, h.party AS other, s.frame_id, s.clip, s.patient
    FROM shown s JOIN heads h USING (representative) WHERE s.party <> h.party OR h.clips > 1;
CREATE VIEW open AS
    SELECT s.party AS one, t.party AS other, s.clip, s.patient
    FROM shown s JOIN ties t USING (tie) WHERE s.party <> t.party OR t.clips > 1
    EXCEPT SELECT one, other, clip, patient FROM same;
"""
CELLS = """
SELECT one, other, coalesce(frames, 0), coalesce(clips, 0), coalesce(patients, 0),
    coalesce(undecided, 0)
FROM (
    SELECT one, other, count(DISTINCT frame_id) AS frames, count(DISTINCT clip) AS clips,
        count(DISTINCT patient) AS patients FROM same GROUP BY ALL
) FULL JOIN (
    SELECT one, other, count(DISTINCT clip) AS undecided FROM open GROUP BY ALL
) USING (one, other) ORDER BY one, other
"""
TOTALS = """
SELECT party, count(*), count(DISTINCT object_id || '/' || pane), count(DISTINCT patient)
FROM f JOIN g USING (site) GROUP BY party ORDER BY party
"""
UNITS = ("frames", "clips", "patients")


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a site or a collection."""

    frames: int
    clips: int
    patients: int


@dataclass(frozen=True, slots=True)
class Cell:
    """So much of one that another has as well; of itself, what it has more than once.

    Attributes:
        undecided: clips that can't be told from one of the other's.
    """

    one: str
    other: str
    frames: int
    clips: int
    patients: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """All pairs that share anything, and what there is of each.

    Attributes:
        kind: site or collection.
    """

    kind: str
    totals: Mapping[str, Amount]
    cells: tuple[Cell, ...]

    @property
    def between(self) -> tuple[Cell, ...]:
        """The cells of two different ones."""
        return tuple(cell for cell in self.cells if cell.one != cell.other)

    def rows(self, unit: str) -> list[list[str]]:
        """The matrix of one unit as text: whose, how many, and how many each other one has."""
        number = {(cell.one, cell.other): getattr(cell, unit) for cell in self.cells}
        return [
            [one, str(getattr(total, unit)),
             *(str(number.get((one, other), 0) or "-") for other in self.totals)]
            for one, total in self.totals.items()
        ]  # fmt: skip


def overlap(lake: Lake, party: Mapping[str, str], kind: str) -> Matrix:
    """What sites, or groups of them, have in common.

    Args:
        party: site to the row of the matrix that it belongs to; other sites are left out.
        kind: what a row is, for those who read it.
    """
    tables = (
        ("f", "frames", ["frame_id", "object_id", "pane", "site", "patient"]),
        ("d", "duplicates", ["frame_id", "representative", "tie"]),
        ("m", "measures", ["frame_id", "fan_phash256"]),
    )
    with views(lake, tables) as database:
        sites = pa.array(list(party), pa.string()), pa.array(list(party.values()), pa.string())
        database.register("g", pa.table(list(sites), names=["site", "party"]))
        database.execute(VIEWS)
        cells = database.sql(CELLS).fetchall()
        totals = database.sql(TOTALS).fetchall()
    return Matrix(
        kind,
        {name: Amount(*numbers) for name, *numbers in totals},
        tuple(Cell(*row) for row in cells),
    )

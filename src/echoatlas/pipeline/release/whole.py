"""Every frame of a lake at pinned versions, with all that is known of it, in a table on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from echoatlas.pipeline.lake.views import stored_views
from echoatlas.pipeline.release.candidates import Candidates
from echoatlas.pipeline.release.kin import COPY, KNOWN, LABEL, OBJECT, QUERIES, prepare_kin
from echoatlas.schemas.index import FROM

if TYPE_CHECKING:
    import pyarrow as pa

    from echoatlas.pipeline.database import Connection
    from echoatlas.pipeline.lake.tables import Lake

FRAME, MEASURE = FROM["frames"], FROM["measures"]
VIEWS = (
    ("wide", "frames", (*FRAME, "session")),
    ("l", "labels", ("frame_id", *FROM["labels"])),
    ("m", "measures", ("frame_id", *MEASURE, "fan_phash256")),
    ("d", "duplicates", ("frame_id", "tie", "representative")),
    ("a", "annotations", ("frame_id", "kind")),
    ("c", "copies", COPY),
    ("o", "objects", OBJECT),
    ("n", "consents", ("site", "patient", "known_as", "consent")),
)
# Frames as ``kin`` looks at them, who does it many times: a few columns, read once of all files
NARROW = ("frame_id", "object_id", "site", "patient", "study", "session", "patient_source",
          "license", "consent")  # fmt: skip
NUMBERED = """
CREATE TABLE numbered AS SELECT frame_id, row_number() OVER (ORDER BY frame_id) - 1 AS row
    FROM f SEMI JOIN l USING (frame_id) SEMI JOIN m USING (frame_id);
CREATE TABLE kinds AS SELECT frame_id, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS kinds
    FROM a GROUP BY frame_id;
"""
# What copies say (``kin``) stands in the place of what the frame's own rows say
COLUMNS = [
    *(f"{KNOWN.get(name, f'f.{name}')} AS {name}" for name in FRAME),
    *(
        f"CASE WHEN agreed.frame_id IS NULL THEN l.{name} ELSE agreed.{name} END AS {name}"
        if name in LABEL
        else f"l.{name}"
        for name in FROM["labels"]
    ),
    *(f"m.{name}" for name in MEASURE),
    # As ``k_anonymity.device_of`` says it of what is published
    "CASE WHEN f.maker = 'unknown' AND f.model = 'unknown' THEN 'unknown' "
    "ELSE trim(f.maker || ' ' || f.model) END AS device",
    "coalesce(d.tie, f.frame_id) AS cluster",
    "coalesce(d.representative, f.frame_id) AS representative",
    "coalesce(kinds.kinds, '') AS annotated",
    *(f"{KNOWN[name]} AS {name}" for name in ("kin", "split_group")),
]
ROW_BYTES = 2_500  # of memory that a row takes on its way through all joins, about
JOINED = f"""
SELECT part.row, {", ".join(COLUMNS)}
FROM (SELECT * FROM numbered WHERE row >= FIRST AND row < LAST) part
    JOIN wide f USING (frame_id) JOIN l USING (frame_id) JOIN m USING (frame_id)
    LEFT JOIN d USING (frame_id) LEFT JOIN kinds USING (frame_id)
    LEFT JOIN claims USING (frame_id) LEFT JOIN others USING (frame_id)
    LEFT JOIN licenses USING (frame_id) LEFT JOIN consents USING (frame_id)
    LEFT JOIN agreed USING (frame_id) LEFT JOIN heads ON heads.patient = f.patient
"""


@contextmanager
def every_frame(lake: Lake, versions: Mapping[str, int]) -> Iterator[Candidates]:
    """Every frame of a lake, with its labels, measures and cluster, ordered by ``frame_id``.

    ``cluster``, which names all that must stay in one split, and ``representative`` are the
    frame's own id where it has no duplicates; ``annotated`` names the kinds of annotations that
    came with it, separated by blanks. Patients, licenses, consent and labels are those that all
    copies of the frame agree upon (``kin``).

    Args:
        versions: of the lake's tables; the newest of those that are not pinned.
    """
    with stored_views(lake, VIEWS, versions) as asked:
        ((number,),) = asked.execute("SELECT count(*) FROM wide").fetchall()
        at_once = lake.allowance.database_mb * 1_000_000 // ROW_BYTES
        # To compress a table for the disk takes as long as to join it: few rows stay as they are
        table = "TABLE" if 2 * number > at_once else "TEMP TABLE"
        asked.execute(f"CREATE {table} f AS SELECT {', '.join(NARROW)} FROM wide")
        asked.execute(NUMBERED)
        prepare_kin(asked)
        _join_all(asked, table, at_once)
        for name in ("f", "numbered", "kinds", *QUERIES, "agreed", "heads"):
            asked.execute(f"DROP TABLE {name}")
        yield Candidates.of(asked, lake.allowance, "whole")


def _join_all(asked: Connection, table: str, at_once: int) -> None:
    """Make the table ``whole``, some rows at a time: what a join holds of one side can't all lie on
    disk, and of these joins each holds as much as the rows that go through."""
    ((number,),) = asked.execute("SELECT count(*) FROM numbered").fetchall()
    for first in range(0, max(number, 1), at_once):
        rows = JOINED.replace("FIRST", str(first)).replace("LAST", str(first + at_once))
        asked.execute(f"{'INSERT INTO whole' if first else f'CREATE {table} whole AS'} {rows}")


def index_of(lake: Lake, versions: Mapping[str, int]) -> pa.Table:
    """The same, held as a table: one row a frame."""
    with every_frame(lake, versions) as found:
        return found.fetched(found.names)

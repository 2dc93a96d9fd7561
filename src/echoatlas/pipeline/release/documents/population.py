"""How many patients, studies, clips and frames of what kind; and how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import TOGETHER, database
from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.tree import UNKNOWN

if TYPE_CHECKING:
    from echoatlas.pipeline.database import Connection
    from echoatlas.pipeline.release.candidates import Candidates

OLDEST = 90  # years; from then on ages are one
BAND = 10  # years
BY = {
    **{name: name for name in ("split", "region", "organ", "site", "device")},
    "country": "country",
    "sex": "sex",
    "age band": f"CASE WHEN age >= {OLDEST} THEN '{OLDEST}+' ELSE (age // {BAND} * {BAND}) || '-' "
    f"|| (age // {BAND} * {BAND} + {BAND - 1}) END",
}  # what is counted by, and the SQL that gives it
COUNTED = ("patient", "study", "object_id", "pane")
KEYS = ("split", "region", "organ", "site", "device", "sex", "age")


@dataclass(frozen=True, slots=True)
class Population:
    """Numbers of a part of a release."""

    patients: int
    studies: int
    clips: int
    frames: int


def whole_of(index: pa.Table) -> Population:
    """Numbers of all rows."""
    frames = _frames_counted(index.select(["study"]), index)
    clips = index.select(["object_id", "pane"]).group_by(["object_id", "pane"]).aggregate([])
    studies = pc.unique(index.column("study"))
    return Population(
        patients=len(pc.unique(index.column("patient"))),
        studies=len(studies.filter(pc.not_equal(studies, ""))),
        clips=clips.num_rows,
        frames=pc.sum(frames.column("frames")).as_py() or 0,
    )


def people_of(index: pa.Table) -> int:
    """How many patients there are who are people: phantoms and animals have ids as well."""
    people = index.filter(pc.equal(index.column("subject_type"), "human"))
    return len(pc.unique(people.column("patient")))


def population(index: pa.Table, countries: Mapping[str, str]) -> dict[str, dict[str, Population]]:
    """Numbers by split, region, organ, site, device, country, sex and age band, separately.

    Args:
        countries: of sites, ISO 3166-1 alpha-2, as far as they are known.
    """
    with database() as asked:
        asked.register("i", _frames_counted(index.select([*COUNTED, *KEYS]), index))
        return _by_kind(asked, "i", countries)


def population_in(
    samples: Candidates, countries: Mapping[str, str]
) -> dict[str, dict[str, Population]]:
    """The same of samples of a release that is not published yet."""
    frames = ["frames"] if "frames" in samples.names else []
    with samples.these() as asked:
        own = samples.source([*COUNTED, *KEYS, *frames])
        one = "" if frames else ", 1 AS frames"
        return _by_kind(asked, f"(SELECT *{one} FROM ({own}))", countries)


def counted_plainly(
    found: Mapping[str, Mapping[str, Population]],
) -> dict[str, dict[str, dict[str, int]]]:
    """For a manifest."""
    return {
        name: {value: asdict(one) for value, one in parts.items()} for name, parts in found.items()
    }


def _frames_counted(table: pa.Table, index: pa.Table) -> pa.Table:
    """With how many frames each row is: of a release of clips, several."""
    frames = pa.array([1] * index.num_rows, pa.int64())
    if "frame_ids" in index.column_names:
        frames = pc.cast(pc.list_value_length(index.column("frame_ids")), pa.int64())
    return table.append_column("frames", frames)


def _by_kind(
    asked: Connection, rows: str, countries: Mapping[str, str]
) -> dict[str, dict[str, Population]]:
    known = {"site": pa.array(list(countries), pa.string()),
             "country": pa.array(list(countries.values()), pa.string())}  # fmt: skip
    asked.register("countries", pa.table(known))
    alike = ", ".join([*COUNTED, *KEYS, "country"])  # most frames of a clip are, in all of these
    asked.execute(
        f"CREATE TEMP TABLE alike AS SELECT {alike}, sum(frames) AS frames "
        f"FROM {rows} LEFT JOIN countries USING (site) GROUP BY ALL"
    )
    ((number,),) = asked.execute("SELECT count(*) FROM alike").fetchall()
    names = list(BY)
    found: dict[str, dict[str, Population]] = {}
    at_once = len(names) if number <= TOGETHER else 1
    for start in range(0, len(names), at_once):
        found |= _numbers(asked, "alike", names[start : start + at_once])
    asked.execute("DROP TABLE alike")
    asked.unregister("countries")
    return found


def _numbers(
    asked: Connection, rows: str, names: Sequence[str]
) -> dict[str, dict[str, Population]]:
    """Numbers by each of ``BY`` that is named, in order."""
    values = [f"coalesce(nullif({BY[name]}, ''), '{UNKNOWN}')" for name in names]
    # Each row once a name: sets of groupings would have memory of their own for each, and for
    # each of what is counted in them, which takes seven times as long where there are few rows
    told = f"0 AS place, {values[0]} AS value"
    if len(names) > 1:
        told = f"unnest({list(range(len(names)))}) AS place, unnest([{', '.join(values)}]) AS value"
    counted: Sequence[tuple[Any, ...]] = asked.sql(
        "SELECT place, value, count(DISTINCT patient), "
        "count(DISTINCT nullif(study, '')), count(DISTINCT (object_id, pane)), "
        f"sum(frames)::BIGINT FROM (SELECT *, {told} FROM {rows}) "
        "GROUP BY place, value ORDER BY place, value"
    ).fetchall()
    return {
        name: {value: Population(*numbers) for at, value, *numbers in counted if at == place}
        for place, name in enumerate(names)
    }


# What counts for the score, and the sentence that says when a frame has it
QUALITY: Mapping[str, str] = {
    "organ": "its organ is known, not its region alone",
    "spacing": "the size of a pixel is known",
    "patient": "its file names its patient",
    "area": "evidence agrees on where the scanned area lies",
    "device": "maker or model of the device is known",
    "license": "its license is known",
    "clean": "graphics and redactions cover less than 1 % of the scanned area",
}

NOT_SAID = pa.array(["", UNKNOWN])


def quality(index: pa.Table) -> dict[str, float]:
    """Shares of frames that meet each criterion of ``QUALITY``, 0 to 1."""
    column = index.column
    met = {
        "organ": pc.not_equal(column("organ"), UNKNOWN),
        "spacing": pc.is_valid(column("mm_per_px_x")),
        "patient": pc.not_equal(column("patient_source"), PatientSource.OBJECT),
        "area": pc.equal(column("fan_verdict"), "accept"),
        "device": pc.invert(pc.is_in(column("device"), value_set=NOT_SAID)),
        "license": pc.invert(pc.is_in(column("license"), value_set=NOT_SAID)),
        "clean": pc.less(column("text_share"), 0.01),
    }
    return {
        name: float(pc.mean(pc.cast(flags, pa.float64())).as_py()) for name, flags in met.items()
    }


def score(shares: Mapping[str, float]) -> float:
    """The data-quality score: the mean of the shares, in percent."""
    return round(100 * sum(shares.values()) / len(shares), 1)

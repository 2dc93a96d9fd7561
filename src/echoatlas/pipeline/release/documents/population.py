"""How many patients, studies, clips and frames of what kind; and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.tree import UNKNOWN

BY = ("region", "organ", "site", "device", "country", "sex", "age band")
BAND = 10  # years


@dataclass(frozen=True, slots=True)
class Population:
    """Numbers of a part of a release."""

    patients: int
    studies: int
    clips: int
    frames: int


def whole_of(index: pa.Table) -> Population:
    """Numbers of all rows."""
    counted = _keyed(_counted(index), pa.array(["all"] * index.num_rows, pa.string()))
    return counted.get("all", Population(0, 0, 0, 0))


def people_of(index: pa.Table) -> int:
    """How many patients there are who are people: phantoms and animals have ids as well."""
    people = index.filter(pc.equal(index.column("subject_type"), "human"))
    return len(pc.unique(people.column("patient")))


def population(index: pa.Table, countries: Mapping[str, str]) -> dict[str, dict[str, Population]]:
    """Numbers by region, organ, site, device, country, sex and age band, separately.

    Args:
        countries: of sites, ISO 3166-1 alpha-2, as far as they are known.
    """
    columns = _counted(index)
    sites = index.column("site").to_pylist()
    keys = {name: index.column(name) for name in BY if name in index.column_names}
    keys["country"] = pa.array([countries.get(one, UNKNOWN) for one in sites], pa.string())
    keys["age band"] = pa.array([band_of(one) for one in index.column("age").to_pylist()])
    return {name: _keyed(columns, keys[name]) for name in BY if name in keys}


def band_of(age: int | None) -> str:
    """Ten years of age: "40-49"; from 90 on ages are one."""
    if age is None:
        return UNKNOWN
    first = age // BAND * BAND
    return "90+" if first >= 90 else f"{first}-{first + BAND - 1}"


COLUMNS = ("patient", "study", "object_id", "pane")


def _counted(index: pa.Table) -> pa.Table:
    """What is counted, and how many frames each row is: of a release of clips, several."""
    frames = pa.array([1] * index.num_rows, pa.int64())
    if "frame_ids" in index.column_names:
        frames = pc.cast(pc.list_value_length(index.column("frame_ids")), pa.int64())
    return index.select(COLUMNS).append_column("frames", frames)


def _keyed(columns: pa.Table, key: pa.Array) -> dict[str, Population]:
    clips = pc.binary_join_element_wise(
        columns.column("object_id"), pc.cast(columns.column("pane"), pa.string()), "/"
    )
    table = columns.append_column("clip", clips).append_column("key", key)
    studies = pc.if_else(pc.equal(table.column("study"), ""), None, table.column("study"))
    table = table.set_column(table.column_names.index("study"), "study", studies)
    wanted = [("patient", "count_distinct"), ("clip", "count_distinct"), ("frames", "sum")]
    study = ("study", "count_distinct", pc.CountOptions(mode="only_valid"))
    rows = table.group_by("key", use_threads=False).aggregate([*wanted, study]).to_pylist()
    return {
        str(row["key"] or UNKNOWN): Population(
            row["patient_count_distinct"],
            row["study_count_distinct"],
            row["clip_count_distinct"],
            row["frames_sum"],
        )
        for row in sorted(rows, key=lambda row: str(row["key"] or UNKNOWN))
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

"""What a site's file may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from echoatlas.errors import nearest
from echoatlas.schemas.config.intake import DicomWeb, Uploads
from echoatlas.schemas.config.study_table import StudyTable
from echoatlas.schemas.expectation import Expectation
from echoatlas.schemas.strict import PathOrUri, Slug, Strict
from echoatlas.schemas.values import Subject

# What a column of a site's own table may be said to mean.
MEANINGS = (
    "patient", "label", "description", "view", "laterality", "class", "score", "mm_per_px",
    "consent", "opt_out", "ignore",
)  # fmt: skip
UploadId = Annotated[str, Field(pattern="^u-[0-9a-f]{12}$")]
# Of what a site's objects are a mix, as it is compared with those of before.
Mixed = Literal["devices", "formats", "organs", "gray_levels", "sizes"]
# What a word in a column of consent may be said to mean: words of ``Consent``; unsaid says nothing.
Agreed = Literal["given", "restricted", "refused", "withdrawn", "unsaid"]
# What it may be said to mean that a patient is in a list.
Listed = Literal["given", "restricted", "refused", "withdrawn", "ignore"]


class Labels(Strict):
    """A site's prior: what its scans show when nothing else says."""

    organ: str | None = Field(None, description="A region, or region/organ, of the tree.")
    subject: Subject = Field("human", description="What was scanned.")


class PatientRule(Strict):
    """Where the patient's identity stands when there is no DICOM header to say."""

    source: Literal["auto", "sidecar", "name", "folder", "object"] = Field(
        "auto",
        description="auto: DICOM header, else sidecar, else each object stands alone. "
        "name: the first group of `pattern` in the file's name. folder: the folder it lies in.",
    )
    pattern: str | None = Field(None, description="Regular expression with one group, for `name`.")

    @field_validator("pattern")
    @classmethod
    def has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"no regular expression ({error})") from None
            if not groups:
                raise ValueError("it has no group: put parentheses around the patient's part")
        return pattern

    @model_validator(mode="after")
    def name_needs_a_pattern(self) -> PatientRule:
        if self.source == "name" and self.pattern is None:
            raise ValueError("source 'name' needs a pattern")
        return self


class Sidecar(Strict):
    """A table beside the scans that says what they are."""

    files: str = Field(
        "*.csv, *.tsv, *.xlsx", description="Globs of the tables' names, with commas between them."
    )
    key: str | None = Field(None, description="Column that names the file; found if not given.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description=f"Column to meaning: {', '.join(MEANINGS)}. Columns that are not listed are "
        "guessed by name or ignored.",
    )
    consent: dict[str, Agreed] = Field(
        default_factory=dict,
        description="Word in a column of consent to what it means, where it is none of those that "
        "are known: yes, no, withdrawn, ... in many languages.",
    )
    lists: dict[str, Listed] = Field(
        default_factory=dict,
        description="Glob of names of tables of patients to what it means to be in one, where no "
        "column says it; ignore: such a table says nothing of consent.",
    )
    measurements: tuple[StudyTable, ...] = Field(
        (), description="Tables of structured measurements of studies."
    )
    min_matched: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the files beside tables that rows have to name; where fewer are, "
        "the site's objects wait and the run ends with 1.",
    )

    @field_validator("columns")
    @classmethod
    def known_meanings(cls, columns: dict[str, str]) -> dict[str, str]:
        for column, means in columns.items():
            if means not in MEANINGS:
                hint = nearest(means, MEANINGS) or f" (one of {', '.join(MEANINGS)})"
                raise ValueError(f"column '{column}' can't mean '{means}'{hint}")
        return columns


class Sampling(Strict):
    """Which frames of a clip are kept."""

    every_ms: float | None = Field(
        None,
        gt=0,
        json_schema_extra={"unit": "ms"},
        description="At most one frame in this time, ms.",
    )
    every: int = Field(
        1, ge=1, json_schema_extra={"unit": "frames"}, description="One frame of this many."
    )
    max_frames: int | None = Field(
        None,
        ge=1,
        serialization_alias="most",
        json_schema_extra={"unit": "frames"},
        description="At most this many, evenly spread.",
    )
    min_change: int | None = Field(
        None,
        ge=1,
        le=256,
        serialization_alias="novel",
        json_schema_extra={"unit": "bits"},
        description="Bits of the fan's hash, of 256, that must differ from the last kept.",
    )
    drop_repeats: bool = Field(True, description="Leave out frames equal to the one before.")


class Drift(Strict):
    """When what a site sends is no longer like what it sent before."""

    max_index: float = Field(
        0.25,
        ge=0,
        description="Stability index of devices, formats, organs, gray levels or sizes above which "
        "new objects are not like those of before.",
    )
    max_of: dict[Mixed, float] = Field(
        default_factory=dict,
        description=f"The same of one of them: {', '.join(get_args(Mixed))}.",
    )
    min_objects: int = Field(
        50,
        ge=2,
        json_schema_extra={"unit": "objects"},
        description="New ones, and ones of before, below which nothing is compared; and objects of "
        "an upload below which it is never large.",
    )
    max_times: float = Field(
        10.0,
        gt=1,
        json_schema_extra={"unit": "times"},
        description="An upload that is so many times as large as the site's uploads are (their "
        "median), or so many times as small, is not like those of before.",
    )
    min_uploads: int = Field(
        5,
        ge=2,
        json_schema_extra={"unit": "uploads"},
        description="Uploads of before, below which no upload is called large or small.",
    )
    hold: bool = Field(
        False,
        description="What is not like before is held back, and the run ends with 1; else the run "
        "says so, and takes it.",
    )
    accept: tuple[UploadId, ...] = Field(
        (),
        description="Opaque ids (u-0123456789ab) of uploads that a person found right: they are "
        "taken as they are, and what comes later may be like them.",
    )


class ConsentRule(Strict):
    """What a site's data need so that a release may hold them. A refusal is always heeded."""

    required: bool = Field(
        False,
        description="Consent has to be stated, by a column of a table or by the DICOM header: a "
        "release leaves out what says nothing of it.",
    )


class SiteConfig(Strict):
    """One uploading center."""

    site: Slug = Field(description="Its name: lower case, digits, hyphens, at most 63.")
    bucket: PathOrUri = Field(
        min_length=1,
        description="s3://bucket/prefix/, a local folder, or dicomweb+https://HOST/PATH.",
    )
    labels: Labels = Labels()
    license: str = Field("unknown", description="SPDX id, or words.")
    consent: ConsentRule = ConsentRule()
    collection: str | None = Field(None, description="Adapter of a public collection.")
    patient: PatientRule = PatientRule()
    sidecar: Sidecar = Sidecar()
    sampling: Sampling = Sampling()
    partial: bool = Field(False, description="Keep the good frames of a damaged clip.")
    country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2: two capitals, as DE."
    )
    cropped: bool = Field(
        False, description="Pictures come cropped to the fan; no surround will be found."
    )
    uploads: Uploads = Uploads()
    dicomweb: DicomWeb = DicomWeb()
    drift: Drift = Drift()
    expect: dict[str, tuple[Expectation, ...]] = Field(
        default_factory=dict,
        description="Table to what is expected of this site's rows, beside what is of all: "
        "`{expect: ExpectColumnValuesToBeBetween, column: mean, min_value: 5}` ...",
    )

    @field_validator("expect")
    @classmethod
    def of_what_is_there(
        cls, expect: dict[str, tuple[Expectation, ...]]
    ) -> dict[str, tuple[Expectation, ...]]:
        from echoatlas.schemas.tables import TABLES, columns

        for table, asked in expect.items():
            if table not in TABLES:
                raise ValueError(f"no table '{table}'{nearest(table, TABLES)}")
            there = columns(TABLES[table].row)
            for one in asked:
                if one.column not in there:
                    raise ValueError(
                        f"no column '{one.column}' in {table}{nearest(one.column, there)}"
                    )
                if not one.suits(there[one.column][0]):
                    raise ValueError(f"{one.expect} can't be asked of {table}.{one.column}")
        return expect


def hashed(site: SiteConfig, without: Mapping[str, Any]) -> str:
    """A site's file as fingerprints know it: JSON, fields under their first names.

    Args:
        without: what is left out, as pydantic's ``exclude``.
    """
    return site.model_dump_json(exclude=dict(without), by_alias=True)

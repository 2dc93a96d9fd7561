"""Configuration: what a deployment and a site may say. Strict: an unknown key is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from echoatlas.errors import ConfigError, nearest
from echoatlas.schemas.intake import DicomWeb, Uploads
from echoatlas.schemas.strict import Strict
from echoatlas.schemas.values import Subject

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

Split = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,31}$")]

Suppression = Literal["age_decade", "age", "sex", "model", "maker"]


# What a column of a site's own table may be said to mean.
MEANINGS = (
    "patient", "label", "description", "view", "laterality", "class", "score", "mm_per_px",
    "ignore",
)  # fmt: skip


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

    files: str = Field("*.csv", description="Glob of the tables' names.")
    key: str | None = Field(None, description="Column that names the file; found if not given.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description=f"Column to meaning: {', '.join(MEANINGS)}. Columns that are not listed are "
        "guessed by name or ignored.",
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
        "a run says so.",
    )
    min_objects: int = Field(
        50,
        ge=2,
        json_schema_extra={"unit": "objects"},
        description="New ones, and ones of before, below which nothing is compared.",
    )
    stop: bool = Field(False, description="A run that says so ends with 1.")


class SiteConfig(Strict):
    """One uploading center."""

    site: Slug = Field(description="Its name: lower case, digits, hyphens.")
    bucket: str = Field(
        description="s3://bucket/prefix/, a local folder, or dicomweb+https://HOST/PATH."
    )
    labels: Labels = Labels()
    license: str = Field("unknown", description="SPDX id, or words.")
    collection: str | None = Field(None, description="Adapter of a public collection.")
    patient: PatientRule = PatientRule()
    sidecar: Sidecar = Sidecar()
    sampling: Sampling = Sampling()
    partial: bool = Field(False, description="Keep the good frames of a damaged clip.")
    country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2: two capitals."
    )
    cropped: bool = Field(
        False, description="Pictures come cropped to the fan; no surround will be found."
    )
    uploads: Uploads = Uploads()
    dicomweb: DicomWeb = DicomWeb()
    drift: Drift = Drift()


class Engine(Strict):
    """How the work is cut and where it runs."""

    workers: int | None = Field(
        None,
        ge=1,
        json_schema_extra={"unit": "tasks"},
        description="Tasks at once; default: all cores.",
    )
    batch: int = Field(
        32, ge=1, json_schema_extra={"unit": "objects"}, description="Objects a task."
    )
    memory_mb: int = Field(
        1500, ge=256, json_schema_extra={"unit": "MB"}, description="Declared memory of a task, MB."
    )
    address: str | None = Field(
        None,
        description="A Ray cluster; `local`: a Ray of our own; `processes`: plain processes of "
        "this machine, no Ray. Default: RAY_ADDRESS, else processes for less than 200 objects, "
        "else a Ray of our own.",
    )
    group: int = Field(
        8, ge=1, json_schema_extra={"unit": "batches"}, description="Batches committed together."
    )
    retries: int = Field(
        4,
        ge=0,
        json_schema_extra={"unit": "tries"},
        description="Tries when storage or network fail.",
    )
    seconds: int = Field(
        600,
        ge=1,
        json_schema_extra={"unit": "s"},
        description="Time an object may take before it is given up.",
    )


class Zone(Strict):
    """Credentials of one zone, by the names of environment variables that hold them."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+/?\S*$",
        description="URL of an S3 service other than AWS; default: AWS_ENDPOINT_URL, or AWS.",
    )
    region: str = Field("us-east-1", min_length=1, description="Where the buckets lie.")
    access_key_env: str = Field(
        "AWS_ACCESS_KEY_ID", description="Environment variable that holds the access key's id."
    )
    secret_key_env: str = Field(
        "AWS_SECRET_ACCESS_KEY", description="Environment variable that holds the secret key."
    )
    session_token_env: str = Field(
        "AWS_SESSION_TOKEN", description="Environment variable that holds the token, if any."
    )


class Flows(Strict):
    """What Prefect's flows of a deployment are served with."""

    schedule: str | None = Field(
        None,
        description="When `curate` runs by itself, as cron has it (`0 2 * * *`); default: only "
        "when it is triggered.",
    )
    site_limit: int = Field(
        1, ge=1, description="Flow runs of one site that may be under way at once; others wait."
    )
    lake_limit: int = Field(
        1,
        ge=1,
        description="Flow runs that may write to the lake at once; others wait. A lake takes one "
        "run at a time.",
    )
    webhook: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Address to which a flow that fails sends one JSON object: flow, run, state, "
        "message. A secret one stands in ECHOATLAS_WEBHOOK instead.",
    )


class DeploymentConfig(Strict):
    """One installation: where things lie and how the steps are set."""

    name: Slug = Field("echoatlas", description="Lower case, digits, hyphens.")
    lake: str = Field("lake", description="Path or s3:// URI of the de-identified tables.")
    releases: str | None = Field(None, description="Where releases lie; default: LAKE/releases.")
    sites: str = Field("sites", description="Folder of site files.")
    vault: str = Field("vault", description="Folder of keys, 0700.")
    crosswalk: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None,
        description="Public key to which patients' identities are sealed in the vault, as "
        "`echoatlas crosswalk make-key` prints it; default: no crosswalk is kept.",
    )
    engine: Engine = Engine()
    flows: Flows = Flows()
    zones: dict[Literal["intake", "lake", "releases"], Zone] = Field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings of steps, by the step's name."
    )
    evaluation: dict[Slug, str] = Field(
        default_factory=dict,
        description="Name to file of fingerprints of a set that must stay out of training: a "
        "release is refused of which anything outside of `test` is near to one.",
    )


class ReleaseConfig(Strict):
    """What goes into a release and how it is packed."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    where: str = Field("", description="Expression over frames, labels and measures; all if empty.")
    unit: Literal["frame", "clip"] = Field(
        "frame", description="What a sample is; a still is a clip of one frame."
    )
    size: Literal["normalized", "native"] = Field(
        "normalized",
        description="Of the images; native, one pixel a pixel of the source, if the lake has that "
        "(`steps: {normalize: {native: true}}`).",
    )
    codec: Literal["png", "zstd", "jpeg"] = Field(
        "png", description="Of the shards' images; of clips zstd alone."
    )
    shard_mb: int = Field(
        64, ge=1, le=1024, description="Least size of a shard, MB; the most is twice that."
    )
    seed: int = Field(0, description="Of the split.")
    splits: dict[Split, float] = Field(
        default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1},
        description="Name to share; shares add up to 1.",
    )
    native: Literal["honor", "override"] = Field(
        "honor",
        description="Splits that collections came with: honor them (train, val, test; of a group "
        "in several the strictest), or override them by the seed's.",
    )
    duplicates: Literal["keep", "drop"] = Field(
        "drop", description="drop: representatives only; keep: all, in one split."
    )
    nameless: Literal["keep", "drop", "refuse"] = Field(
        "keep",
        description="Frames of files that name no patient (patient_source: object): keep them, "
        "drop them, or refuse to cut a release that has any.",
    )
    use: Literal["internal", "research", "commercial", "sharing"] = Field(
        "internal",
        description="What the release is for: frames whose license does not permit it stay out.",
    )
    forbidden: Literal["drop", "refuse"] = Field(
        "drop", description="What is done about such frames: left out, or no release is cut."
    )
    weight: str = Field(
        "",
        description="Expression over the index's columns, from 0: how often a trainer should draw "
        "the sample; 1 if empty. `1.0 / count(*) OVER (PARTITION BY organ)` balances organs.",
    )
    min_live: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Shards of earlier releases of which less than this share is still in use are "
        "not used again.",
    )
    review: bool = Field(True, description="Include frames whose fan verdict is review.")
    min_k: int = Field(
        1,
        ge=1,
        description="Patients who must share what is published of age, sex, site and device; "
        "what sets fewer apart is suppressed.",
    )
    suppress: tuple[Suppression, ...] = Field(
        ("age_decade", "age", "sex", "model", "maker"),
        description="What may be suppressed for min_k, in order; patients of whom all of it did "
        "not suffice are left out.",
    )

    @model_validator(mode="before")
    @classmethod
    def clips_have_their_codec(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("unit") == "clip" and "codec" not in raw:
            return {**raw, "codec": "zstd"}
        return raw

    @model_validator(mode="after")
    def clips_have_no_other(self) -> ReleaseConfig:
        if self.unit == "clip" and self.codec != "zstd":
            raise ValueError("clips are written by codec 'zstd' alone; `pull` makes videos of them")
        return self


def hashed(site: SiteConfig, without: Mapping[str, Any]) -> str:
    """A site's file as fingerprints know it: JSON, fields under their first names.

    Args:
        without: what is left out, as pydantic's ``exclude``.
    """
    return site.model_dump_json(exclude=dict(without), by_alias=True)


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], raw: object, where: str) -> Model:
    """Validate plain data as a model.

    Args:
        where: what the data is, for the message ("sites/st-elsewhere.yaml").

    Raises:
        ConfigError: one line; an unknown key comes with the nearest known one.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: expected keys and values")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(model, error)}") from None


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """The first problem of a validation, as one line."""
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling says more
    first = min(problems, key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        key = str(first["loc"][-1])
        if key in known:
            return f"'{place}' is called '{known[key]}' now"
        current = [name for name, today in known.items() if name == today]
        listed = ", ".join(sorted(current))
        return f"unknown key '{place}'{nearest(key, current)} (keys: {listed})"
    message = re.sub(r"\s+", " ", first["msg"]).removeprefix("Value error, ")
    told = f"{message[0].lower()}{message[1:]}"
    return f"'{place}': {told}" if place else told


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> dict[str, str]:
    """The keys at a place, old and new, to what they are called today.

    Goes into models, and models within lists and mappings.
    """
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    known = {name: name for name in model.model_fields}
    former = {
        field.serialization_alias: name
        for name, field in model.model_fields.items()
        if field.serialization_alias
    }
    return {**former, **known}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def load(model: type[Model], path: Path) -> Model:
    """Read a YAML file into a model.

    Raises:
        ConfigError: the file is missing, not YAML, or says something it may not.
    """
    return parse(model, mapping(path), str(path))


def mapping(path: Path) -> dict[str, Any]:
    """What a YAML file says, as keys and values; nothing if it is empty.

    Raises:
        ConfigError: the file is missing, or is none of that.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML") from None
    if raw is not None and not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys and values")
    return raw or {}

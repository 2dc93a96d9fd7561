"""Configuration: what a deployment and a site may say. Strict: an unknown key is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

Split = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,31}$")]

Suppression = Literal["age_decade", "age", "sex", "model", "maker"]


class ConfigError(Exception):
    """A configuration is wrong; the message is one line that says where and what to do."""


class Strict(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Labels(Strict):
    """A site's prior: what its scans show when nothing else says."""

    organ: str | None = Field(None, description="A region, or region/organ, of the tree.")
    subject: Literal["human", "animal", "phantom", "simulated"] = Field(
        "human", description="What was scanned."
    )


class PatientRule(Strict):
    """Where the patient's identity stands when there is no DICOM header to say."""

    source: Literal["auto", "sidecar", "name", "folder", "object"] = Field(
        "auto",
        description="auto: DICOM header, else sidecar, else each object stands alone. "
        "name: the first group of `pattern` in the file's name. folder: the folder it lies in.",
    )
    pattern: str | None = Field(None, description="Regular expression with one group, for `name`.")


class Sidecar(Strict):
    """A table beside the scans that says what they are."""

    files: str = Field("*.csv", description="Glob of the tables' names.")
    key: str | None = Field(None, description="Column that names the file; found if not given.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Column to meaning: patient, label, description, view, laterality, class, "
        "score, mm_per_px, ignore. Columns that are not listed are guessed by name or ignored.",
    )


class Sampling(Strict):
    """Which frames of a clip are kept."""

    every_ms: float | None = Field(None, gt=0, description="At most one frame in this time, ms.")
    every: int = Field(1, ge=1, description="One frame of this many.")
    most: int | None = Field(None, ge=1, description="At most this many, evenly spread.")
    novel: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Bits of the fan's hash that must differ from the last kept.",
    )
    drop_repeats: bool = Field(True, description="Leave out frames equal to the one before.")


class SiteConfig(Strict):
    """One uploading center."""

    site: Slug
    bucket: str = Field(description="s3://bucket/prefix/ or a local folder.")
    labels: Labels = Labels()
    license: str = Field("unknown", description="SPDX id, or words.")
    collection: str | None = Field(None, description="Adapter of a public collection.")
    patient: PatientRule = PatientRule()
    sidecar: Sidecar = Sidecar()
    sampling: Sampling = Sampling()
    partial: bool = Field(False, description="Keep the good frames of a damaged clip.")
    country: str | None = Field(None, description="ISO 3166-1 alpha-2.")
    cropped: bool = Field(
        False, description="Pictures come cropped to the fan; no surround will be found."
    )


class Engine(Strict):
    """How the work is cut and where it runs."""

    workers: int | None = Field(None, ge=1, description="Tasks at once; default: all cores.")
    batch: int = Field(32, ge=1, description="Objects a task.")
    memory_mb: int = Field(1500, ge=256, description="Declared memory of a task, MB.")
    address: str | None = Field(
        None,
        description="A Ray cluster; `local`: a Ray of our own; `processes`: plain processes of "
        "this machine, no Ray. Default: RAY_ADDRESS, else a Ray of our own, else processes.",
    )
    group: int = Field(8, ge=1, description="Batches committed together.")
    retries: int = Field(4, ge=0, description="Tries when storage or network fail.")
    seconds: int = Field(600, ge=1, description="Time an object may take before it is given up.")


class Zone(Strict):
    """Credentials of one zone, by the names of environment variables that hold them."""

    endpoint: str | None = Field(None, description="URL of an S3 service other than AWS.")
    region: str = "us-east-1"
    access_key_env: str = "AWS_ACCESS_KEY_ID"
    secret_key_env: str = "AWS_SECRET_ACCESS_KEY"
    session_token_env: str = "AWS_SESSION_TOKEN"


class DeploymentConfig(Strict):
    """One installation: where things lie and how the steps are set."""

    name: Slug = "echoatlas"
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
    zones: dict[Literal["intake", "lake", "releases"], Zone] = Field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings of steps, by the step's name."
    )


class ReleaseConfig(Strict):
    """What goes into a release and how it is packed."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    where: str = Field("", description="Expression over frames, labels and measures; all if empty.")
    codec: Literal["png", "zstd", "jpeg"] = Field("png", description="Of the shards' images.")
    shard_mb: int = Field(64, ge=1, description="Target size of a shard, MB.")
    seed: int = Field(0, description="Of the split.")
    splits: dict[Split, float] = Field(
        default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1},
        description="Name to share; shares add up to 1.",
    )
    duplicates: Literal["keep", "drop"] = Field(
        "drop", description="drop: representatives only; keep: all, in one split."
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
        near = get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"unknown key '{place}'{hint} (keys: {', '.join(sorted(known))})"
    message = re.sub(r"\s+", " ", first["msg"])
    return f"'{place}': {message[0].lower()}{message[1:]}"


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a place: into models, and models within lists and mappings."""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    return list(model.model_fields)


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
    return parse(model, raw if raw is not None else {}, str(path))

"""What a deployment's file, echoatlas.yaml, may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from echoatlas.schemas.strict import PathOrUri, Slug, Strict


class Engine(Strict):
    """How the work is cut and where it runs."""

    workers: int | None = Field(
        None,
        ge=1,
        json_schema_extra={"unit": "tasks"},
        description="Tasks at once; default: all cores.",
    )
    batch: int = Field(
        32, ge=1, json_schema_extra={"unit": "objects"}, description="Most objects a task takes."
    )
    memory_mb: int = Field(
        1500, ge=256, json_schema_extra={"unit": "MB"}, description="Declared memory of a task, MB."
    )
    driver_memory_mb: int = Field(
        4000,
        ge=1000,
        json_schema_extra={"unit": "MB"},
        description="Memory that a command's own process may take, MB; what does not fit lies on "
        "disk meanwhile.",
    )
    scratch: PathOrUri | None = Field(
        None,
        description="Folder on this machine for what does not fit into memory; default: the "
        "lake's own, or the system's where the lake lies in a bucket.",
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
    watch: int | None = Field(
        None,
        ge=10,
        json_schema_extra={"unit": "s"},
        description="Seconds between looks of `watch`, which runs where something has come; "
        "default: only when it is triggered.",
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
    lake: PathOrUri = Field("lake", description="Path or s3:// URI of the de-identified tables.")
    releases: PathOrUri | None = Field(
        None, description="Where releases lie; default: LAKE/releases."
    )
    sites: PathOrUri = Field("sites", description="Folder of site files.")
    vault: PathOrUri = Field("vault", description="Folder of keys, 0700.")
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
    evaluation: dict[Slug, PathOrUri] = Field(
        default_factory=dict,
        description="Name to file of fingerprints of a set that must stay out of training: a "
        "release is refused of which anything outside of `test` is near to one.",
    )

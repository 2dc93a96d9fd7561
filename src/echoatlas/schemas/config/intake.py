"""How a site's scans come: uploads into a bucket, or a DICOMweb service that is asked for them."""

from __future__ import annotations

from pydantic import Field

from echoatlas.schemas.strict import Strict


class Uploads(Strict):
    """When an upload, a folder right below the bucket's address, is complete."""

    quiet_minutes: float = Field(
        0.0,
        ge=0,
        json_schema_extra={"unit": "min"},
        description="An upload without marker or manifest is taken when nothing of it has changed "
        "for this long.",
    )
    marked_only: bool = Field(
        False, description="Take no upload that has neither marker nor manifest."
    )
    marker: str = Field(
        "_COMPLETE",
        pattern=r"^[^/\\*?]+$",
        description="Name, without slashes and wildcards, of a file in the upload's folder: all "
        "that is older than it has come.",
    )
    manifest: str = Field(
        "_MANIFEST",
        pattern=r"^[^/\\*?]+$",
        description="Name, without slashes and wildcards, of a file in the upload's folder that "
        "lists its files, one a line, as `sha256sum` does: they are taken when all are there, each "
        "with these bytes.",
    )
    abort_hours: float = Field(
        168.0,
        gt=0,
        json_schema_extra={"unit": "h"},
        description="Multipart uploads that were begun this long ago and never finished are "
        "aborted: they cost storage, and no listing shows them.",
    )
    max_mb: int = Field(
        4096,
        ge=1,
        le=5120,
        json_schema_extra={"unit": "MB"},
        description="Largest file that a form for uploads takes.",
    )


class DicomWeb(Strict):
    """How a DICOMweb service is asked, where `bucket` is one (dicomweb+https://HOST/PATH)."""

    modalities: tuple[str, ...] = Field(("US",), description="Modalities of series to ask for.")
    since: str | None = Field(
        None, pattern=r"^\d{8}$", description="Studies from this day on, YYYYMMDD."
    )
    page: int = Field(
        100,
        ge=1,
        json_schema_extra={"unit": "answers"},
        description="Answers to ask for at a time.",
    )
    user_env: str = Field("DICOMWEB_USER", description="Environment variable of the user's name.")
    password_env: str = Field(
        "DICOMWEB_PASSWORD", description="Environment variable of the password."
    )
    token_env: str = Field(
        "DICOMWEB_TOKEN", description="Environment variable of a bearer token, if there is one."
    )

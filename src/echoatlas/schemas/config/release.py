"""What the file of a release may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from echoatlas.schemas.strict import Slug, Strict

Split = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,31}$")]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TAKEN = frozenset({"shards", "readme.md"})  # beside releases, as folders of some disks call them

Suppression = Literal["age_decade", "age", "sex", "model", "maker"]


class ReleaseConfig(Strict):
    """What goes into a release and how it is packed."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] = Field(
        description="Letters, digits, dots, hyphens and underscores, at most 63; no dot first."
    )
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
    seed: int = Field(
        0,
        description="Of the split: a later release of the same seed and shares leaves patients "
        "where they were, any other deals them anew.",
    )
    splits: dict[Split, Share] = Field(
        default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1},
        description="Name to share; they are scaled to add up to 1.",
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
    consent: Literal["not_refused", "required"] = Field(
        "not_refused",
        description="not_refused: frames of patients who refused or withdrew consent stay out, and "
        "where what is said is not understood; required: where nothing is said, too.",
    )
    consent_sites: tuple[Slug, ...] = Field(
        (),
        description="Sites whose silence is no consent; those are added whose files say so "
        "(`consent.required`).",
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

    @field_validator("name")
    @classmethod
    def is_nobody_elses(cls, name: str) -> str:
        if name.lower() in TAKEN:
            raise ValueError(f"'{name}' lies beside all releases: choose another name")
        return name

    @field_validator("splits")
    @classmethod
    def somebody_has_a_share(cls, splits: dict[str, float]) -> dict[str, float]:
        if not sum(splits.values()):
            raise ValueError("no split has a share: say one such as {train: 0.8, test: 0.2}")
        return splits

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

"""What de-identification may keep: the options of PS3.15 E.3 as switches, strict by default."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from echoatlas.schemas.config import Strict, load

if TYPE_CHECKING:
    from pathlib import Path

Option = Literal[
    "retain_safe_private",
    "retain_uids",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
    "retain_longitudinal_full_dates",
    "retain_longitudinal_modified_dates",
    "clean_descriptors",
    "clean_structured_content",
    "clean_graphics",
]


class PrivateNumber(Strict):
    """A private attribute that a site knows to hold a harmless number, and nothing else."""

    creator: str = Field(description="Private creator, exactly as in the file.")
    element: str = Field(
        pattern=r"^[0-9A-Fa-f]{4},[0-9A-Fa-f]{2}$", description="GGGG,EE: group and last byte."
    )
    low: float = Field(description="Smallest value that may stay.")
    high: float = Field(description="Largest value that may stay.")


class Policy(Strict):
    """A de-identification policy: the Basic Profile, and what departs from it.

    The defaults keep what a trainer needs and nothing that says who it was: dates shifted, age
    capped, sex, and text only as codes and closed vocabulary.
    """

    dates: Literal["removed", "shifted", "full"] = Field(
        "shifted", description="shifted: moved per patient by a keyed offset, intervals kept."
    )
    times: bool = Field(False, description="Keep times of day (with dates shifted or full).")
    patient_characteristics: bool = Field(
        True, description="Keep age (capped at 90), sex, size and weight as numbers and codes."
    )
    device_identity: bool = Field(False, description="Keep serial numbers and station names.")
    institution: bool = Field(False, description="Keep the institution's name and address.")
    uids: bool = Field(False, description="Keep the original UIDs.")
    safe_private: tuple[PrivateNumber, ...] = Field(
        (), description="Private attributes known to hold a harmless number."
    )
    descriptors: bool = Field(
        True, description="Replace descriptions by the terms of the vocabulary found in them."
    )
    structured_content: bool = Field(
        True, description="Keep coded and numeric content of structured reports."
    )

    def digest(self) -> str:
        """16 hex digits that change with the policy."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ConfigError: one line; an unknown key comes with the nearest known one.
    """
    return load(Policy, path)

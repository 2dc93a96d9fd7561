"""What de-identification may keep: the options of PS3.15 E.3 as switches."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from echoatlas.schemas.config.file import load
from echoatlas.schemas.strict import Strict

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
]

# CID 7050: the code that says an option was followed. 113101 (pixels) is added by who cleans them.
BASIC_PROFILE = "113100"
CLEAN_PIXELS = "113101"
OPTION_CODES: dict[Option, str] = {
    "clean_structured_content": "113104",
    "clean_descriptors": "113105",
    "retain_longitudinal_full_dates": "113106",
    "retain_longitudinal_modified_dates": "113107",
    "retain_patient_characteristics": "113108",
    "retain_device_identity": "113109",
    "retain_uids": "113110",
    "retain_safe_private": "113111",
    "retain_institution_identity": "113112",
}
METHODS = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}


class PrivateNumber(Strict):
    """A private attribute that a site knows to hold a harmless number, and nothing else."""

    creator: str = Field(min_length=1, description="Private creator, exactly as in the file.")
    element: str = Field(
        pattern=r"^[0-9A-Fa-f]{3}[13579BDFbdf],[0-9A-Fa-f]{2}$",
        description="GGGG,EE: odd group, and the last byte of the element.",
    )
    low: float = Field(description="Smallest value that stays.")
    high: float = Field(description="Largest value that stays.")

    @property
    def place(self) -> tuple[int, int]:
        """Group, and last byte of the element."""
        group, _, element = self.element.partition(",")
        return int(group, 16), int(element, 16)


class Policy(Strict):
    """A de-identification policy: the Basic Profile, and what departs from it.

    The defaults keep what a trainer needs and nothing that says who it was: dates shifted, age
    capped, sex, and text only as codes and closed vocabulary.
    """

    dates: Literal["removed", "shifted", "full"] = Field(
        "shifted", description="shifted: moved per patient by a keyed offset, intervals kept."
    )
    times: bool = Field(False, description="Keep times of day; only with dates shifted or full.")
    patient_characteristics: bool = Field(
        True, description="Keep age (capped at 90), sex, size and weight, as codes and numbers."
    )
    device_identity: bool = Field(
        False, description="Keep serial numbers and station names as they stand."
    )
    institution: bool = Field(
        False, description="Keep the institution's name and address as they stand."
    )
    uids: bool = Field(False, description="Keep the original UIDs.")
    safe_private: tuple[PrivateNumber, ...] = Field(
        (), description="Private attributes known to hold a harmless number."
    )
    descriptors: bool = Field(
        True, description="Replace descriptions by what the vocabulary finds in them."
    )
    session_minutes: int = Field(
        10,
        ge=0,
        le=120,
        description="Minutes within which scans that name no patient, taken on one device, are "
        "held to be of one session, which decides splits alone; known by keyed ids. 0: never.",
    )
    structured_content: bool = Field(
        True, description="Keep coded and numeric content of structured reports; else reject them."
    )

    keep_measurements: bool = Field(
        False,
        description="Leave standing what reads as measurements and nothing else (numbers with "
        "units) inside the scanned area, throughout a clip.",
    )

    @property
    def options(self) -> frozenset[Option]:
        """The options of PS3.15 E.3 that are switched on."""
        on: dict[Option, bool] = {
            "retain_safe_private": bool(self.safe_private),
            "retain_uids": self.uids,
            "retain_device_identity": self.device_identity,
            "retain_institution_identity": self.institution,
            "retain_patient_characteristics": self.patient_characteristics,
            "retain_longitudinal_full_dates": self.dates == "full",
            "retain_longitudinal_modified_dates": self.dates == "shifted",
            "clean_descriptors": self.descriptors,
            "clean_structured_content": self.structured_content,
        }
        return frozenset(option for option, enabled in on.items() if enabled)

    @property
    def digest(self) -> str:
        """16 hex digits that name the policy in the audit and change with it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_policy(path: Path) -> Policy:
    """Read a policy file (YAML).

    Raises:
        ConfigError: one line; an unknown key comes with the nearest known one.
    """
    return load(Policy, path)

"""Tables of measurements, a row a number of a study: what their columns are, and what leaves."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from echoatlas.schemas.strict import Strict

NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
SCHEME = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")


class Link(Strict):
    """A second table, which says of which study a key of the first is."""

    path: str = Field(min_length=2, description="Regular expression, searched in its path.")
    key: str = Field(description="Column of the key.")
    study: str = Field(description="Column of the study.")


class StudyTable(Strict):
    """A table of structured measurements. Nothing of it is read but the columns named here, so no
    date, and nothing leaves but numbers under names that are listed."""

    path: str = Field(min_length=2, description="Regular expression, searched in its path.")
    study: str = Field(description="Column of the study, or of the key that `link` resolves.")
    link: Link | None = Field(None, description="Where the study stands in another table.")
    by: Literal["uid", "path"] = Field(
        "uid",
        description="uid: studies are named by StudyInstanceUID. path: as in the paths of scans.",
    )
    scans: str | None = Field(
        None, description="For `path`: regular expression whose group `study` is in scans' paths."
    )
    name: str = Field(description="Column of what was measured.")
    value: str = Field(description="Column of the number; text in it is passed over.")
    unit: str | None = Field(None, description="Column of the unit.")
    names: dict[str, str] = Field(
        min_length=1,
        description="What was measured, as written, to its name in samples: lower case, digits, _.",
    )
    units: dict[str, str] = Field(
        default_factory=dict, description="Unit as written to UCUM, where it is none that is known."
    )
    scheme: str = Field("local", description="Whose names these are: stands before each code.")

    @field_validator("names")
    @classmethod
    def plain_names(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names.values():
            if not NAME.fullmatch(name):
                raise ValueError(f"'{name}': lower case, digits and _, at most 24")
        return names

    @field_validator("scheme")
    @classmethod
    def plain_scheme(cls, scheme: str) -> str:
        if not SCHEME.fullmatch(scheme):
            raise ValueError("lower case, digits and -, at most 16")
        return scheme

    @model_validator(mode="after")
    def compiles(self) -> StudyTable:
        for pattern in (self.path, self.scans or "", self.link.path if self.link else ""):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"no regular expression ({error})") from None
        if self.by == "path" and "study" not in re.compile(self.scans or "").groupindex:
            raise ValueError("'path' needs `scans` with a group named study")
        return self

    def matches(self, path: str) -> bool:
        """Whether a file is such a table, or the one that it is linked by."""
        return any(
            re.search(one, path) for one in (self.path, *([self.link.path] if self.link else []))
        )

"""What may be asked of a column: the expectations of a suite, in Great Expectations' own terms."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from echoatlas.schemas.strict import Strict

Kind = Literal[
    "ExpectColumnValuesToBeUnique",
    "ExpectColumnValuesToNotBeNull",
    "ExpectColumnValuesToBeBetween",
    "ExpectColumnValuesToBeInSet",
    "ExpectColumnValuesToMatchRegex",
    "ExpectColumnValuesToNotMatchRegex",
    "ExpectColumnValueLengthsToBeBetween",
]
NEEDED: dict[str, tuple[str, ...]] = {
    "ExpectColumnValuesToBeBetween": ("min_value", "max_value"),
    "ExpectColumnValueLengthsToBeBetween": ("min_value", "max_value"),
    "ExpectColumnValuesToBeInSet": ("value_set",),
    "ExpectColumnValuesToMatchRegex": ("regex",),
    "ExpectColumnValuesToNotMatchRegex": ("regex",),
}


class Expectation(Strict):
    """One expectation of every row of a table. A value that is missing is passed over, but by
    ExpectColumnValuesToNotBeNull."""

    expect: Kind = Field(description="Its name in Great Expectations.")
    column: str = Field(description="Column of the table.")
    min_value: float | None = Field(None, description="Smallest value, or length, that passes.")
    max_value: float | None = Field(None, description="Largest value, or length, that passes.")
    value_set: tuple[str | int, ...] | None = Field(None, description="Values that pass.")
    regex: str | None = Field(None, description="Regular expression of values, as RE2 has them.")

    @field_validator("regex")
    @classmethod
    def can_be_read(cls, regex: str | None) -> str | None:
        if regex is not None:
            try:
                re.compile(regex)
            except re.error as error:
                raise ValueError(f"no regular expression ({error})") from None
        return regex

    @model_validator(mode="after")
    def says_what_it_needs(self) -> Expectation:
        needed = NEEDED.get(self.expect, ())
        if needed and all(getattr(self, one) is None for one in needed):
            raise ValueError(f"{self.expect} needs {' or '.join(needed)}")
        return self

    def suits(self, kind: object) -> bool:
        """Whether it can be asked of a column of some Python type."""
        if "Regex" in self.expect or "Lengths" in self.expect:
            return kind is str
        if self.expect == "ExpectColumnValuesToBeBetween":
            return kind in (int, float)
        return kind in (str, int, float, bool) or "NotBeNull" in self.expect

    @property
    def name(self) -> str:
        """As a page of the gate and a run that fails call it."""
        return f"{self.expect}({self.column})"

    @property
    def arguments(self) -> dict[str, object]:
        """What Great Expectations takes, beside the name."""
        return self.model_dump(mode="python", exclude={"expect"}, exclude_none=True)

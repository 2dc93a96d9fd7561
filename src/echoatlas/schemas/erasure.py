"""What a request to erase may say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from echoatlas.schemas.strict import Slug, Strict

REQUEST = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
RequestName = Annotated[str, StringConstraints(pattern=REQUEST)]


class EraseRequest(Strict):
    """Who leaves: patients of a site, or a site or collection whole."""

    site: Slug = Field(description="With `whole` also a collection.")
    request: RequestName = Field(description="Opaque id, such as a file number: no name.")
    patient_ids: Path | None = Field(None, description="File of those who leave.")
    whole: bool = Field(False, description="All that the site ever sent goes.")

    @model_validator(mode="after")
    def patients_or_all(self) -> EraseRequest:
        if (self.patient_ids is None) != self.whole:
            raise ValueError("name a file of patient ids, or say that the whole site goes")
        return self

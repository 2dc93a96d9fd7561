"""The base of all configuration: frozen, and strict about what it is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# A path or an address: no file system knows one of control characters, and most none that is longer
PathOrUri = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1024)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Strict(BaseModel):
    """A frozen model that refuses keys it does not know.

    A field that was renamed has its first name as its serialization alias: ``hashed`` writes that,
    so that a new name makes nothing anew.
    """

    # Built by the first who has something to validate: no command needs more than a few of them
    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True
    )

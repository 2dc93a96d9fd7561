"""What a column of a table means; the columns that many tables have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from echoatlas.schemas.values import one_of


@dataclass(frozen=True, slots=True)
class Column:
    """What a column means: a sentence, its unit, and whether it speaks of one patient.

    Attributes:
        meaning: with ``{}`` where ``values`` are to be listed.
        values: all that may stand in it, if that is closed; the gate asks for it.
    """

    meaning: str
    unit: str = ""
    subject: bool = False
    values: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.values:
            object.__setattr__(self, "meaning", self.meaning.format(one_of(self.values)))


ObjectId = Annotated[str, Column("Keyed id of the object: HMAC of site and content.", subject=True)]
FrameId = Annotated[
    str, Column("Id of the frame: hash of its normalized pixels, object and place.", subject=True)
]
Site = Annotated[str, Column("Name of the site, as in its configuration.")]
Upload = Annotated[str, Column("Opaque id of the upload: keyed hash of the folder's name.")]
Fingerprint = Annotated[
    str, Column("Steps, versions and configuration that made this row, as one hash.")
]

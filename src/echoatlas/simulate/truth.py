"""What is true of simulated uploads: what each object shows, and what must never be seen again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.simulate.identities import Identity


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """One uploaded object.

    Attributes:
        path: below the site's folder; a member of an archive is joined by "!".
        status: "kept", "rejected", "duplicate", or "table" for a sidecar.
        reasons: reason codes that are right when rejected.
        anatomy: region/organ of the tree, "" where nothing says.
        patient: key of the identity, "" if unknown.
        near: objects of one group show the same but for encoding or gain; "" for none.
    """

    site: str
    path: str
    status: str
    reasons: tuple[str, ...] = ()
    anatomy: str = ""
    patient: str = ""
    frames: int = 0
    format: str = ""
    shape: str = ""
    near: str = ""

    @property
    def region(self) -> str:
        return self.anatomy.split("/")[0]

    @property
    def organ(self) -> str:
        return self.anatomy.partition("/")[2]


@dataclass
class Truth:
    """All uploads of a rehearsal.

    Attributes:
        folder: holds SITE/UPLOAD/... and SITE.yaml of each site.
        canaries: strings that identify somebody, to search for in everything that is written.
    """

    folder: Path
    objects: list[ObjectTruth] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)

    @property
    def sites(self) -> list[str]:
        return sorted({one.site for one in self.objects})

    def of(self, site: str) -> list[ObjectTruth]:
        """The objects of one site, in order of paths."""
        return sorted((one for one in self.objects if one.site == site), key=lambda one: one.path)

    def counts(self, site: str | None = None) -> dict[str, int]:
        """Objects by status, of one site or of all; tables are not objects."""
        found: dict[str, int] = {}
        for one in self.objects:
            if one.status != "table" and site in (None, one.site):
                found[one.status] = found.get(one.status, 0) + 1
        return found

    def near_groups(self) -> dict[str, list[ObjectTruth]]:
        """Groups of near duplicates, by id."""
        groups: dict[str, list[ObjectTruth]] = {}
        for one in self.objects:
            if one.near:
                groups.setdefault(one.near, []).append(one)
        return groups

    def know(self, identity: Identity) -> None:
        """Remember what identifies a patient."""
        self.remember(identity.secrets())

    def remember(self, strings: Iterable[str]) -> None:
        """Add canaries, once each."""
        self.canaries = list(dict.fromkeys([*self.canaries, *strings]))

    def write(self, path: Path) -> None:
        """As JSON, for other programs."""
        plain = {
            "folder": str(self.folder),
            "objects": [asdict(one) for one in self.objects],
            "canaries": self.canaries,
        }
        path.write_text(json.dumps(plain, ensure_ascii=False, indent=1), "utf-8")

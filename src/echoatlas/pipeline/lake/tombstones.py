"""Tombstones: what was erased, as keyed hashes, so that it does not come back by itself.

One object a request, ``tombstones/REQUEST.json``, below the lake. It holds no pseudonym and no id
that stands, or stood, anywhere else: each is hashed once more under the deployment's key, so that
only who has the key can ask whether this very patient, content or picture was erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.objects import CopyRow, ObjectRow

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

FOLDER = "tombstones/"
CARRIED_OUT = "erasures/"  # of reports: a request has one once its erasure is proven
MASKED = "erased-"  # what ids begin with that stand in the place of an erased object's


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What was erased from a lake, asked under the deployment's key.

    Attributes:
        sites: that were withdrawn whole.
        patients, contents, pixels: keyed hashes.
    """

    key: SiteKey = field(repr=False)
    sites: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    pixels: frozenset[str] = frozenset()

    @staticmethod
    def of(storage: Storage, key: SiteKey) -> Tombstones:
        """All that a lake has.

        Args:
            storage: the lake's.
            key: the deployment's.
        """
        folder = storage.sub(FOLDER.rstrip("/"))
        told = [json.loads(folder.read(entry.key)) for entry in folder.list()]
        return Tombstones(
            key,
            frozenset(one["site"] for one in told if one["whole"]),
            *(
                frozenset(mark for one in told for mark in one[kind])
                for kind in ("patients", "contents", "pixels")
            ),
        )

    def masked(self, object_id: str) -> str:
        """The id that stands in the lake in the place of an erased object's, or of its content's;
        of one that is masked already, that."""
        if object_id.startswith(MASKED):
            return object_id
        return MASKED + self.key.pseudonym("erased object", object_id)

    def has_content(self, content_id: str) -> bool:
        """Whether these bytes were erased, whatever they are called now and whoever sends them."""
        return bool(self.contents) and _content(self.key, content_id) in self.contents

    def forbid(self, site: str, rows: Iterable[object]) -> bool:
        """Whether rows that a site's object has become are of an erased patient, or show a picture
        that was erased."""
        if not (self.patients or self.pixels):
            return False
        return any(self._forbids(site, row) for row in rows)

    def _forbids(self, site: str, row: object) -> bool:
        if isinstance(row, MeasureRow):
            # Pictures too flat to be told apart by their looks are nobody's
            return bool(row.fan_phash256) and _pixels(self.key, row.pixel_hash) in self.pixels
        if isinstance(row, FrameRow | ObjectRow | CopyRow):
            return _patient(self.key, site, row.patient) in self.patients
        return False


def open_requests(storage: Storage) -> list[str]:
    """Requests whose erasure is under way, or was cut off, in order.

    Args:
        storage: the lake's.
    """
    begun, done = (
        {entry.key.removeprefix(folder).removesuffix(".json") for entry in storage.list(folder)}
        for folder in (FOLDER, CARRIED_OUT)
    )
    return sorted(begun - done)


def bury(
    storage: Storage,
    key: SiteKey,
    request: str,
    site: str,
    patients: Iterable[str] = (),
    contents: Iterable[str] = (),
    pixels: Iterable[str] = (),
    *,
    whole: bool = False,
) -> None:
    """Write the tombstones of a request; once more is the same.

    Args:
        patients: pseudonyms of the site's. contents, pixels: ids and hashes, as in the lake.
        whole: the site is withdrawn, and sends nothing any more.
    """
    told = {
        "request": request,
        "site": site,
        "whole": whole,
        "patients": sorted(_patient(key, site, one) for one in patients),
        "contents": sorted(_content(key, one) for one in contents),
        "pixels": sorted(_pixels(key, one) for one in pixels),
    }
    storage.write(f"{FOLDER}{request}.json", json.dumps(told, sort_keys=True, indent=1).encode())


def _patient(key: SiteKey, site: str, pseudonym: str) -> str:
    return key.pseudonym("erased patient", f"{site}\0{pseudonym}")


def _content(key: SiteKey, content_id: str) -> str:
    return key.pseudonym("erased content", content_id)


def _pixels(key: SiteKey, pixel_hash: str) -> str:
    return key.pseudonym("erased pixels", pixel_hash)

"""Tombstones: what was erased, as keyed hashes, so that it does not come back by itself.

One object a request, ``tombstones/REQUEST.json``, below the lake, and the same in the vault: a lake
that is restored from a backup of before has none. It holds no pseudonym and no id that stands, or
stood, anywhere else: each is hashed once more under the deployment's key, so that only who has the
key can ask whether this very patient, content or picture was erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.objects import CopyRow, ObjectRow

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

FOLDER = "tombstones/"
CARRIED_OUT = "erasures/"  # of reports: a request has one once its erasure is proven
PATIENT, CONTENT, PIXELS = "erased patient", "erased content", "erased pixels"
MASKED = "erased-"  # what ids begin with that stand in the place of an erased object's


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What was erased from a lake, asked under the deployment's key.

    Attributes:
        sites: that were withdrawn whole.
        patients, contents, pixels: keyed hashes.
        keys: request to its site and to the ids of the keys under which it can be asked: pairs of
            the deployment's and the site's. Requests of before these were written have none.
    """

    key: SiteKey = field(repr=False)
    sites: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    pixels: frozenset[str] = frozenset()
    keys: Mapping[str, tuple[str, frozenset[tuple[str, str]]]] = field(default_factory=dict)

    @staticmethod
    def of(places: Iterable[Storage], key: SiteKey, request: str = "") -> Tombstones:
        """All that there are.

        Args:
            places: that hold any: the lake's storage, and the vault's.
            key: the deployment's.
            request: of which alone; of all if not given.
        """
        told = [
            json.loads(place.read(entry.key))
            for place in places
            for entry in place.list(FOLDER)
            if not request or entry.key == f"{FOLDER}{request}.json"
        ]
        keys: dict[str, tuple[str, frozenset[tuple[str, str]]]] = {}
        for one in told:
            if pairs := frozenset((ours, theirs) for ours, theirs in one.get("keys", ())):
                before = keys.get(one["request"], (one["site"], frozenset()))[1]
                keys[one["request"]] = one["site"], pairs | before

        def marks(kind: str) -> frozenset[str]:
            return frozenset(mark for one in told for mark in one[kind])

        withdrawn = frozenset(one["site"] for one in told if one["whole"])
        return Tombstones(
            key, withdrawn, marks("patients"), marks("contents"), marks("pixels"), keys
        )

    def __bool__(self) -> bool:
        return bool(self.sites or self.patients or self.contents or self.pixels)

    def unasked(self, site: SiteKey) -> list[str]:
        """Requests that nobody can ask under today's keys whether a scan of a site is of them.

        Hashes that were made under another key match nothing: whoever was erased would come back.
        """
        return sorted(
            request
            for request, (where, pairs) in self.keys.items()
            if self.key.key_id not in {ours for ours, _ in pairs}
            or (where == site.site and (self.key.key_id, site.key_id) not in pairs)
        )

    def erased_patients(self, named: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these were erased: sites, and pseudonyms of their patients."""
        if not (self.patients or self.sites):
            return set()
        marked = self.key.pseudonyms(PATIENT)
        return {
            (site, one)
            for site, one in named
            if site in self.sites or (one and marked(f"{site}\0{one}") in self.patients)
        }

    def erased_pixels(self, hashes: Iterable[str]) -> set[str]:
        """Which of these hashes of pictures are of pictures that were erased."""
        marked = self.key.pseudonyms(PIXELS)
        return {one for one in hashes if marked(one) in self.pixels} if self.pixels else set()

    def erased_contents(self, contents: Iterable[str]) -> set[str]:
        """Which of these ids of bytes are of bytes that were erased."""
        marked = self.key.pseudonyms(CONTENT)
        return {one for one in contents if marked(one) in self.contents} if self.contents else set()

    def masked(self, object_id: str) -> str:
        """The id that stands in the lake in the place of an erased object's, or of its content's;
        of one that is masked already, that."""
        if object_id.startswith(MASKED):
            return object_id
        return MASKED + self.key.pseudonym("erased object", object_id)

    def has_content(self, content_id: str) -> bool:
        """Whether these bytes were erased, whatever they are called now and whoever sends them."""
        return bool(self.contents) and _content(self.key, content_id) in self.contents

    def has_patient(self, site: str, pseudonym: str) -> bool:
        """Whether a site's patient was erased, by a pseudonym or by a hash of an id."""
        return bool(self.patients) and _patient(self.key, site, pseudonym) in self.patients

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


def unfinished_erasure(storage: Storage) -> str:
    """What to do about an erasure that was cut off, for people; "" where none is open.

    Until it has ended the books need not balance: some of its rows are gone, and others are not.
    """
    waiting = open_requests(storage)
    if not waiting:
        return ""
    return (
        f"an erasure was cut off, or is under way (request {waiting[0]}): give its command again; "
        "until it has ended no release is cut, and the books need not balance"
    )


def bury(
    places: Iterable[Storage],
    key: SiteKey,
    request: str,
    site: str,
    patients: Iterable[str] = (),
    contents: Iterable[str] = (),
    pixels: Iterable[str] = (),
    *,
    whole: bool = False,
    under: str = "",
) -> None:
    """Write the tombstones of a request; what stands there already stays.

    Args:
        places: where: the lake's storage, and the vault's.
        key: the deployment's.
        patients: pseudonyms of the site's. contents, pixels: ids and hashes, as in the lake.
        whole: the site is withdrawn, and sends nothing any more: no key is needed to know that.
        under: public id of the site's key, under which all patients of the request are named here.
    """
    every = tuple(places)
    before = Tombstones.of(every, key, request)
    told = {
        "request": request,
        "site": site,
        "whole": whole or site in before.sites,
        "keys": sorted({*before.keys.get(request, ("", ()))[1], *_pair(key, under)}),
        "patients": sorted(before.patients.union(_patient(key, site, one) for one in patients)),
        "contents": sorted(before.contents.union(_content(key, one) for one in contents)),
        "pixels": sorted(before.pixels.union(_pixels(key, one) for one in pixels)),
    }
    for place in every:
        place.write(f"{FOLDER}{request}.json", json.dumps(told, sort_keys=True, indent=1).encode())


def _pair(key: SiteKey, under: str) -> set[tuple[str, str]]:
    return {(key.key_id, under)} if under else set()


def _patient(key: SiteKey, site: str, pseudonym: str) -> str:
    return key.pseudonym(PATIENT, f"{site}\0{pseudonym}")


def _content(key: SiteKey, content_id: str) -> str:
    return key.pseudonym(CONTENT, content_id)


def _pixels(key: SiteKey, pixel_hash: str) -> str:
    return key.pseudonym(PIXELS, pixel_hash)

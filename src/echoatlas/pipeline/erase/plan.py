"""What has to go, found once and kept in the vault until all of it is gone.

Once the first rows are gone, the lake can't tell any more what else there was. So all ids are
written down before anything is touched, in the vault and readable by its owner alone, and deleted
when the proof holds. Whoever is cut off and begins anew goes on with the same list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Set
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.erase.doomed import Doomed
from echoatlas.pipeline.erase.in_names import with_named
from echoatlas.pipeline.erase.near import with_near
from echoatlas.pipeline.erase.pictures import pictures_of
from echoatlas.pipeline.erase.quarantined import rejected_of
from echoatlas.pipeline.erase.returned import returned
from echoatlas.pipeline.erase.samples import digests_of
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import local_faults
from echoatlas.pipeline.lake.made_with import demand_same_keys
from echoatlas.pipeline.lake.tombstones import MASKED
from echoatlas.pipeline.release.manifest import manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.schemas.tables import TABLES, columns
from echoatlas.schemas.values import PatientSource, Relation

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.erase.request import Request
    from echoatlas.pipeline.lake.tables import Lake

FOLDER = "erasures"
NAMING = ("frames", "objects", "copies")  # tables that name patients
SAME = (Relation.REPRESENTATIVE, Relation.EXACT, Relation.NEAR, Relation.MIRROR, Relation.PART,
        Relation.STILL)  # fmt: skip


def doomed(deployment: Deployment, request: Request) -> Doomed:
    """What a request's erasure has to take away: as it was found first, or else as it is now.

    Raises:
        UsageError, Retry: the lake or the site's bucket can't be read, the vault can't be written
            to, or keys are others than those under which it was found.
    """
    place = kept_at(deployment, request.name)
    if place.is_file():
        told: dict[str, Any] = json.loads(place.read_text("utf-8"))
        kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
        begun = Doomed(**kept)
        if begun.keys and begun.keys != _keys(deployment, request):
            raise UsageError(
                f"request '{request.name}' was begun under another key, and was cut off: put key "
                "and lake of then back, and end it first"
            )
        return begun
    found = found_in_lake(deployment, request)
    with local_faults(str(place.parent)):
        _write_down(found, place)
    return found


def _write_down(found: Doomed, place: Path) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = place.with_suffix(".part")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(found), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(place)


def kept_at(deployment: Deployment, request: str) -> Path:
    """Where the list of what goes is kept while it goes."""
    return deployment.vault.path / FOLDER / f"{request}.json"


def _keys(deployment: Deployment, request: Request) -> tuple[str, ...]:
    """Public ids of the keys that all ids of a request are made with; a whole site needs none."""
    if request.whole:
        return ()
    return deployment.key().key_id, deployment.site_key(request.site).key_id


def _demand_known(deployment: Deployment, request: Request) -> None:
    """Refuse keys under which nobody would be found who is there."""
    if request.whole:
        return
    key = deployment.site_key(request.site)
    demand_same_keys(deployment.lake, (deployment.key(), key))
    if request.again and request.name in deployment.tombstones().unasked(key):
        raise UsageError(
            f"--again: request '{request.name}' was carried out under another key, and can't be "
            "asked under today's: give its file once more, by --patient-ids"
        )


def found_in_lake(deployment: Deployment, request: Request) -> Doomed:
    found = _found(deployment, request)
    return replace(found, digests=tuple(sorted(digests_of(deployment.releases, found))))


def _found(deployment: Deployment, request: Request) -> Doomed:
    lake, releases = deployment.lake, deployment.releases
    _demand_known(deployment, request)
    keys = _keys(deployment, request)
    first = Doomed(request.name, request.site, request.whole, keys)
    if request.whole:
        objects = _where(lake, "sightings", "object_id", "site", {request.site})
        objects |= _where(lake, "objects", "object_id", "site", {request.site})
        return _spelled_out(lake, first, objects, set())
    patients = request.pseudonyms
    objects = {
        one
        for table in ("objects", "copies", "frames")
        for one in _where(lake, table, "object_id", "patient", patients, request.site)
    }
    asked = _where(lake, "objects", "patient", "patient", patients, request.site)
    asked |= _where(lake, "copies", "patient", "patient", patients, request.site)
    held = rejected_of(deployment, request.site, patients)
    objects |= held.objects
    back = returned(deployment, request.name)  # from a backup of before it was carried out
    objects |= back.objects
    known = asked | held.patients
    unknown = [one.line for one in request.patients if not one.pseudonyms & known]
    whole = _with_copies(lake, objects)
    nameless, others = _look_alikes(lake, whole)
    whole = _with_copies(lake, whole | nameless)
    codecs = {manifest_of(releases, name).image_codec for name in living_names(releases)}
    found = replace(
        first,
        patients=tuple(sorted(patients | back.patients)),
        pixels=tuple(sorted(back.pixels)),
        copies=len(whole - objects),
        look_alikes=len(others - whole),
        quarantined=len(held.objects),
        unread=held.unread,
        unknown=tuple(unknown),
    )
    gone = with_near(lake, _spelled_out(lake, found, whole, codecs), request, held.others)
    return with_named(deployment, gone, request)


def _with_copies(lake: Lake, objects: set[str]) -> set[str]:
    """Objects, and all of the same bytes or with the same picture, at any site."""
    while True:
        contents = _where(lake, "sightings", "content_id", "object_id", objects)
        more = objects | _where(lake, "sightings", "object_id", "content_id", contents)
        pixels = _pixels(lake, more)
        more |= _where(lake, "measures", "object_id", "pixel_hash", pixels)
        if more == objects:
            return objects
        objects = more


def _look_alikes(lake: Lake, objects: set[str]) -> tuple[set[str], set[str]]:
    """Other objects with a frame that duplicates one of these, if only nearly: those that name
    nobody, whose patient is this one as far as anybody knows; and those that name somebody."""
    frames = _where(lake, "frames", "frame_id", "object_id", objects)
    rows = lake.read("duplicates", ["frame_id", "cluster", "relation"])
    same = rows.filter(pc.is_in(rows["relation"], pa.array([one.value for one in SAME])))
    clusters = same.filter(pc.is_in(same["frame_id"], pa.array(sorted(frames), pa.string())))
    alike = same.filter(pc.is_in(same["cluster"], clusters["cluster"].combine_chunks()))
    owners = _where(lake, "frames", "object_id", "frame_id", set(alike["frame_id"].to_pylist()))
    nobody = {PatientSource.OBJECT.value}
    unnamed = _where(lake, "frames", "object_id", "patient_source", nobody)
    others = owners - objects
    return others & unnamed, others - unnamed


def _spelled_out(lake: Lake, found: Doomed, objects: set[str], codecs: Set[str]) -> Doomed:
    """All ids that belong to objects; those that an earlier request masked are none any more."""
    objects = {one for one in objects if not one.startswith(MASKED)}

    def of(table: str, column: str) -> tuple[str, ...]:
        return tuple(sorted(_where(lake, table, column, "object_id", objects)))

    contents = set(of("sightings", "content_id")) | set(of("objects", "content_id"))
    # Of a site that leaves, pictures are not what is asked to go: others may have them, too
    pixels = () if found.whole else tuple(sorted({*found.pixels, *_pixels(lake, objects)}))
    told_apart = _where(lake, "measures", "frame_id", "pixel_hash", pixels)
    known = {one for table in NAMING for one in of(table, "patient")}
    aliases = known - set(found.patients) - _still_named(lake, objects)
    locators = set(of("sightings", "locator")) | set(of("objects", "locator"))
    return replace(
        found,
        objects=tuple(sorted(objects)),
        aliases=tuple(sorted(one for one in aliases if one)),
        frames=of("frames", "frame_id"),
        contents=() if found.whole else tuple(sorted(one for one in contents if one)),
        pixels=pixels,
        pictures=tuple(sorted(pictures_of(lake, told_apart, codecs))),
        annotations=of("annotations", "annotation_id"),
        marks=tuple(sorted(_marks(lake, objects))),
        locators=tuple(sorted(locators)),
    )


def _still_named(lake: Lake, objects: set[str]) -> set[str]:
    """Patients of whom there is anything but some objects."""
    found: set[str] = set()
    for table in NAMING:
        rows = lake.read(table, ["object_id", "patient"])
        mine = pc.is_in(rows["object_id"], pa.array(sorted(objects), pa.string()))
        found |= set(pc.unique(rows.filter(pc.invert(mine))["patient"]).to_pylist())
    return found


def _marks(lake: Lake, objects: set[str]) -> set[str]:
    """Hashes of patients' ids in copies of some objects, and of no others."""
    rows = lake.read("copies", ["object_id", "known_as"])
    mine = pc.is_in(rows["object_id"], pa.array(sorted(objects), pa.string()))
    others = set(pc.unique(rows.filter(pc.invert(mine))["known_as"]).to_pylist())
    return set(pc.unique(rows.filter(mine)["known_as"]).to_pylist()) - others - {""}


def _pixels(lake: Lake, objects: Iterable[str]) -> set[str]:
    """Hashes of objects' pictures, but for those too flat to be told apart by their looks."""
    rows = lake.read("measures", ["object_id", "pixel_hash", "fan_phash256"])
    mine = pc.is_in(rows["object_id"], pa.array(sorted(objects), pa.string()))
    told = pc.greater(pc.binary_length(rows["fan_phash256"]), 0)
    return set(rows.filter(pc.and_(mine, told))["pixel_hash"].to_pylist())


def _where(
    lake: Lake, table: str, wanted: str, column: str, values: Iterable[str], site: str = ""
) -> set[str]:
    """What stands in a column of the rows in which another holds one of the values."""
    among = sorted(one for one in values if one)
    if not among:
        return set()
    where = pc.field(column).isin(pa.array(among, pa.string()))
    if site and "site" in columns(TABLES[table].row):
        where &= pc.field("site") == site
    return set(lake.read(table, [wanted], where).column(0).to_pylist())

"""A deployment whose patient is going to leave: seven stills and three clips, and releases."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echoatlas.pipeline.deidentify.header.patient import patient_pseudonym
from echoatlas.pipeline.frames.clip_codec import encode_clip
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.vault.crosswalk import Crosswalk, make_key, seal
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.duplicates import ClipRow, DuplicateRow, EdgeRow
from echoatlas.schemas.rows.frames import AnnotationRow, DetailRow, MeasurementRow
from echoatlas.schemas.rows.labels import DecisionRow, EvidenceRow, ReadingRow
from echoatlas.schemas.rows.log import FindingRow
from echoatlas.schemas.rows.objects import AuditRow, CopyRow, SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers import s3server
from tests.helpers.adversary import everything_in, found_in, unpacked
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made as row
from tests.helpers.tables import picture, quick_lake

HASHES = {
    "frame_phash64": 8, "frame_phash256": 32, "fan_phash64": 8, "fan_phash256": 32,
    "mirror_phash256": 32, "thumbnail": 4096, "patch_map": 256,
}  # fmt: skip
NATIVE = 24  # pixels of a side, where the lake's size has 16


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame: whose, of which bytes and object, what it shows, and its place in its clip."""

    site: str
    patient: str
    content: int
    shown: int
    object: int
    place: int = 0


STILLS = (
    Shot("st-elsewhere", "MRN-1", 0, 0, 0),
    Shot("st-elsewhere", "MRN-1", 1, 1, 1),
    Shot("st-elsewhere", "MRN-2", 2, 2, 2),
    Shot("qilu", "Q-77", 0, 0, 3),  # the same bytes, sent by another site
    Shot("st-elsewhere", "MRN-3", 4, 1, 4),  # the same picture, in another file, another name
    Shot("qilu", "Q-78", 5, 5, 5),
    Shot("st-elsewhere", "MRN-4", 6, 6, 6),
)
CLIPS = tuple(
    Shot(site, patient, number, 10 * number + place, number, place)
    for number, (site, patient) in enumerate(
        (("st-elsewhere", "MRN-1"), ("st-elsewhere", "MRN-2"), ("qilu", "Q-78")), 7
    )
    for place in range(3)
)
SHOTS = STILLS + CLIPS
ERASED = tuple(n for n, one in enumerate(SHOTS) if one.object in (0, 1, 3, 4, 7))
KEPT = tuple(n for n in range(len(SHOTS)) if n not in ERASED)
# What goes with each release that is cut of them: its unit and size
EVERY = {
    "all": {}, "fast": {"codec": "zstd"}, "clips": {"unit": "clip"}, "native": {"size": "native"},
    "native-clips": {"unit": "clip", "size": "native"},
}  # fmt: skip


def named(kind: str, number: int | str) -> str:
    """An id as the lake has them."""
    return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()[:32]


def pseudonym(there: Rehearsal, number: int) -> str:
    """Of the patient of a frame."""
    one = SHOTS[number]
    return patient_pseudonym(there.deployment.site_key(one.site), one.patient)


def in_detail(shown: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture as its source has it."""
    return picture(1000 + shown, NATIVE)


def deployment(root: Path, lake: str = "") -> Rehearsal:
    """A deployment of two sites with an empty lake.

    Args:
        lake: ``s3://`` address of it; beside the deployment if not given.
    """
    there = Rehearsal(root)
    if lake:
        there.lake_path = lake  # type: ignore[assignment]
        config = there.home / "echoatlas.yaml"
        config.write_text(config.read_text().replace("lake: lake", f"lake: {lake}"))
    for site in ("qilu", "st-elsewhere"):
        (there.uploads / site).mkdir(parents=True)
        there.deployment.add_site(SiteConfig(site=site, bucket=str(there.uploads / site)))
    return there


def new_bucket(endpoint: str) -> str:
    """The address of a lake in a bucket of its own."""
    name = f"b{uuid.uuid4().hex[:12]}"
    s3server.client(endpoint).create_bucket(Bucket=name)
    return f"s3://{name}/lake"


def fill_lake(there: Rehearsal) -> None:
    """Rows of all tables of all frames, and the sealed crosswalk."""
    frames = [
        {
            "site": one.site,
            "patient": pseudonym(there, n),
            "study": named("s", one.object),
            "series": named("e", one.object),
            "frame_id": named("f", n),
            "object_id": named("o", one.object),
            "content_id": named("c", one.content),
            "locator": named("l", one.object),
            "pixel_hash": named("h", one.shown),
            "image": encode(picture(one.shown)),
            "frame_index": one.place,
            "time_ms": 40.0 * one.place,
            "scale": 1.0,
            "patient_source": "header",
            "fan_verdict": "accept",
            "fingerprint": "steps",
            **{name: bytes([1 + n]) * size for name, size in HASHES.items()},
        }
        for n, one in enumerate(SHOTS)
    ]
    lake = quick_lake(there.lake_path, frames)
    lake.replace("objects", _objects_once(lake.read("objects")))
    rows: dict[str, list[Any]] = {}
    mask = encode_png(np.eye(16, dtype=np.uint8) * np.uint8(255))
    native = encode_png(np.eye(NATIVE, dtype=np.uint8) * np.uint8(255))
    for n, one in enumerate(frames):
        of_frame = {"frame_id": one["frame_id"], "object_id": one["object_id"]}
        drawn = {"mask": mask, "mask_native": native} if n % 2 else {}
        rows.setdefault("annotations", []).append(
            row(
                AnnotationRow,
                **of_frame,
                annotation_id=named("a", n),
                kind="mask" if drawn else "class",
                name="finding",
                **drawn,
            )
        )
        rows.setdefault("findings", []).append(
            row(FindingRow, **of_frame, pixel_hash=one["pixel_hash"], verdict="clean")
        )
        rows.setdefault("details", []).append(
            row(DetailRow, **of_frame, width=NATIVE, height=NATIVE, channels=1, scale=1.5,
                image=encode(in_detail(SHOTS[n].shown)))
        )  # fmt: skip
        if not SHOTS[n].place:
            _of_object(rows, one, SHOTS[n])
    for name, some in rows.items():
        lake.append(name, to_arrow(name, some))
    # Of the frame that others are duplicates of, the patient leaves
    stands = {"cluster": named("f", 0), "tie": named("f", 0), "representative": named("f", 0)}
    kin = [
        row(DuplicateRow, frame_id=named("f", n), relation=said, **stands)
        for n, said in ((0, "representative"), (2, "tie"), (6, "tie"))
    ]
    lake.append("duplicates", to_arrow("duplicates", kin))
    public = make_key(there.root / "private.key")
    key = there.deployment.site_key("st-elsewhere")
    Crosswalk(there.deployment.vault.path, "st-elsewhere").add(
        seal(public, "st-elsewhere", pseudonym(there, n), key.key_id, SHOTS[n].patient)
        for n in (0, 2)
    )


def _objects_once(objects: Any) -> Any:
    """A row an object, where the factory made one a frame."""
    seen: dict[str, dict[str, Any]] = {}
    for one in objects.to_pylist():
        known = seen.setdefault(one["object_id"], one | {"frames": 0})
        known["frames"] += 1
    return objects.from_pylist(list(seen.values()), schema=objects.schema)


def _of_object(rows: dict[str, list[Any]], one: dict[str, Any], shot: Shot) -> None:
    ids = {name: one[name] for name in ("object_id", "site")}
    place = {"locator": one["locator"], "content_id": one["content_id"]}
    other = {"other_object": named("o", (shot.object + 1) % 10), "kind": "tie"}
    for name, made in {
        "sightings": row(SightingRow, **ids, **place, ordinal=shot.object),
        "copies": row(CopyRow, **ids, **place, patient=one["patient"], patient_source="header"),
        "audit": row(AuditRow, **ids, verdict="released", actions="{}"),
        "evidence": row(EvidenceRow, **ids, axis="anatomy", node="abdomen/liver", weight=0.9),
        "readings": row(ReadingRow, **ids),
        "measurements": row(
            MeasurementRow, **ids, study=one["study"], code="LN/1", name="Ef", number=55.0, unit="%"
        ),
        "decisions": row(DecisionRow, object_id=one["object_id"]),
        "edges": row(EdgeRow, object_id=one["object_id"], **other),
        "clips": row(
            ClipRow, object_id=one["object_id"], cluster=named("f", 0), head=named("o", 0)
        ),
    }.items():
        rows.setdefault(name, []).append(made)


def cut(there: Rehearsal, name: str, **settings: Any) -> None:
    """Cut a release in one split, so that who leaves shares a shard with who stays."""
    lines = ["splits: {train: 1.0}", *(f"{key}: {value}" for key, value in settings.items())]
    config = there.root / f"{name}.yaml"
    config.write_text("\n".join(lines) + "\n")
    there.run("release", "create", "--config", str(config), "--duplicates", "keep", name)


def build(root: Path, lake: str = "", *, every: bool = False) -> Rehearsal:
    """A deployment of these frames and of three releases, one of which holds none of the patient.

    Args:
        lake: as for ``deployment``. every: releases of all units and sizes besides.
    """
    there = deployment(root, lake)
    fill_lake(there)
    for name, settings in EVERY.items():
        if every or name in ("all", "fast"):
            cut(there, name, **settings)
    there.run("release", "create", "other", "--where", f"frame_id = '{named('f', 5)}'")
    (root / "ids.txt").write_text("MRN-1\nMRN-unknown\n")
    return there


def needles(there: Rehearsal) -> list[bytes]:
    """All by which the patient could be found: ids, and pictures as they are stored."""
    texts = {pseudonym(there, n) for n in ERASED} | {"MRN-1", "MRN-3"}
    pictures = [
        form(source(SHOTS[n].shown))
        for n in ERASED
        for form in (encode, encode_png)
        for source in (picture, in_detail)
    ]
    pictures += [
        encode_clip([source(70 + place) for place in range(3)]) for source in (picture, in_detail)
    ]
    for n in ERASED:
        one = SHOTS[n]
        texts |= {named("f", n), named("a", n), named("h", one.shown), named("c", one.content)}
        texts |= {named(kind, one.object) for kind in ("o", "s", "e")}
    return [text.encode() for text in texts] + pictures


def request(there: Rehearsal, *more: str, name: str = "dsr-7") -> tuple[str, ...]:
    """The words of the command by which the patient leaves."""
    words = ("--patient-ids", str(there.root / "ids.txt"), "--request", name)
    return ("erase", "st-elsewhere", *words, "--report", str(there.root), *more)


def erased(there: Rehearsal, *more: str) -> Any:
    """Have the patient leave, and return what was printed."""
    return there.run(*request(there, *more))


def traces_left(there: Rehearsal) -> list[str]:
    """Where anything of the patient is left: lake, releases and vault, wherever they lie."""
    places = [*everything_in(there.home / "vault", there.home / "lake")]
    if str(there.lake_path).startswith("s3://"):
        places += _everything_in_bucket(str(there.lake_path))
    return found_in(needles(there), places)


def _everything_in_bucket(address: str) -> Iterator[tuple[str, bytes]]:
    """Every object of a lake's bucket, read past the product; none is half sent."""
    bucket = address.removeprefix("s3://").partition("/")[0]
    client = s3server.client(os.environ["AWS_ENDPOINT_URL"])
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for entry in (one for page in pages for one in page.get("Contents", ())):
        data = client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        yield from unpacked(entry["Key"], data)
    for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        raise AssertionError(f"an upload of {one['Key']} was left unfinished")

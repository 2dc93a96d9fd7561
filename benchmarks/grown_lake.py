"""Make a lake of many frames of one that a few scans ran through.

Run by its path, with the sources of one code or another first on the path: each code makes and
reads its own lakes. Files and rows of the few scans stand again and again, dealt to many sites,
under other ids, patients and hashes, in files as small as runs leave them; pixels are shared, and
small. Labels and duplicates are left to a run.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

# Where today's code has a name, and where a former one had it
HOMES: dict[str, tuple[str, ...]] = {
    "arrivals": ("pipeline.ingest.listing", "pipeline.ingest"),
    "fingerprints_of": ("pipeline.objects.fingerprints",),
    "marks_of": ("pipeline.fingerprints",),
    "journey_config": ("pipeline.plan.settings", "pipeline.plan"),
    "decode": ("pipeline.frames.codec", "pipeline.codec"),
    "encode": ("pipeline.frames.codec", "pipeline.codec"),
    "Deployment": ("pipeline.deployment",),
    "SiteConfig": ("schemas.config.site", "schemas.config"),
    "TABLES": ("schemas.tables",),
}
TEMPLATE = "template"  # the site of the few scans
SIDE = 32  # pixels of the shared pictures
IDS = (
    "object_id", "content_id", "frame_id", "patient", "study", "series", "pixel_hash", "instance",
    "codestream",
)  # fmt: skip
HASHES = (
    "frame_phash64", "frame_phash256", "fan_phash64", "fan_phash256", "mirror_phash256",
    "view_phash256", "landmark_phash256",
)  # fmt: skip
BULKY = ("overlay", "patch_map", "mask")  # thumbnails are looked at
AT_ONCE = 64  # copies in a file: as many objects as a run commits together


def of(name: str, *others: str) -> Any:
    """What goes by a name, or by another, in the code that is on the path."""
    for one in (name, *others):
        for home in HOMES[one]:
            try:
                return getattr(importlib.import_module(f"echoatlas.{home}"), one)
            except (ImportError, AttributeError):
                continue
    raise ImportError(f"this code has no {name}")


class Source:
    """A deployment whose few scans ran through, and what its rows say of places and settings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.deployment = of("Deployment").find(root / "home")
        site = self.deployment.site(TEMPLATE)
        key, bucket = self.deployment.key(), self.deployment.bucket(site)
        self.scans = {one.locator: Path(one.key).name for one in of("arrivals")(site, bucket, key)}
        self.marks = marks(self.deployment, site)
        self.key_id = self.deployment.site_key(TEMPLATE).key_id
        self.rows = {
            name: self.deployment.lake.read(name)
            for name, table in of("TABLES").items()
            if table.scope != "lake" and name != "runs"
        }


def marks(deployment: Any, site: Any) -> list[str]:
    """The fingerprints of a site's rows."""
    config = of("journey_config")(deployment.config)
    made = of("fingerprints_of", "marks_of")(config, site)
    return [made.frames, made.evidence]


def grown(root: Path, home: Path, first: int, last: int, sites: int) -> None:
    """Add copies of a range to a deployment, which is made if it is not there."""
    source, bucket = Source(root), home.parent / f"{home.name}-buckets"
    if not home.exists():
        skipped = shutil.ignore_patterns("lake", f"{TEMPLATE}*")
        shutil.copytree(root / "home", home, ignore=skipped)
        made = of("Deployment").find(home)
        for number in range(sites):
            name = f"site-{number:02d}"
            made.add_site(of("SiteConfig")(site=name, bucket=str(bucket / name)))
    deployment = of("Deployment").find(home)
    names = sorted(deployment.sites)
    for number in range(first, last):
        upload = bucket / names[number % sites] / f"upload-{first}"
        upload.mkdir(parents=True, exist_ok=True)
        for scan in source.scans.values():
            target = upload / f"{number:06d}-{scan}"
            os.link(root / "bucket/upload" / scan, target)
    for place, name in enumerate(names):
        mine = range(first + (place - first) % sites, last, sites)
        if not mine:
            continue
        site = deployment.site(name)
        listed = of("arrivals")(site, deployment.bucket(site), deployment.key())
        where = {Path(one.key).name: (one.locator, one.upload) for one in listed}
        known = dict(zip(source.marks, marks(deployment, site), strict=True))
        known[source.key_id] = deployment.site_key(name).key_id
        for table, rows in source.rows.items():
            for start in range(0, len(mine) if rows.num_rows else 0, AT_ONCE):
                some = mine[start : start + AT_ONCE]
                made_rows = copied(rows, some, name, source.scans, where, known)
                deployment.lake.append(table, made_rows)


def copied(
    rows: pa.Table,
    copies: range,
    site: str,
    scans: dict[str, str],
    where: dict[str, tuple[str, str]],
    known: dict[str, str],
) -> pa.Table:
    """Rows once a copy, each under ids of its own, and of the file that it stands for."""
    columns = {}
    made: list[Any]
    plain = {field.name: rows.column(field.name).to_pylist() for field in rows.schema}
    files = [f"{scans[one]}" for one in plain["locator"]] if "locator" in plain else []
    for name, values in plain.items():
        kind = rows.schema.field(name).type
        if name in ("locator", "upload") and files:
            part = 0 if name == "locator" else 1
            made = [where[f"{n:06d}-{one}"][part] for n in copies for one in files]
        elif name == "ordinal" and "content_id" in plain:
            made = [n * len(values) + place for n in copies for place in range(len(values))]
        elif name in IDS:
            made = [one and other(one.encode(), n).hex() for n in copies for one in values]
        elif name in HASHES:
            made = [one and other(one, n) for n in copies for one in values]
        elif name == "annotation_id":
            made = [f"{one}-{n}" for n in copies for one in values]
        elif name == "image":
            made = [small(one) for one in values] * len(copies)
        elif name in ("width", "height"):
            made = [SIDE] * (len(values) * len(copies))
        elif name == "site":
            made = [site] * (len(values) * len(copies))
        elif name in ("fingerprint", "key_id"):
            made = [known.get(one, one) for one in values] * len(copies)
        elif name in BULKY:
            made = [one and b"" for one in values] * len(copies)
        else:
            made = values * len(copies)
        columns[name] = pa.array(made, kind)
    return pa.table(columns, schema=rows.schema)


def small(image: bytes) -> bytes:
    """A corner of a stored picture, stored alike."""
    made: bytes = of("encode")(np.ascontiguousarray(of("decode")(image)[:SIDE, :SIDE]))
    return made


def other(value: bytes, number: int) -> bytes:
    """Other bytes for each copy: as long, or of 16 where they stand for 32 digits."""
    size = len(value) // 2 if len(value) == 32 and value.isalnum() else len(value)
    return hashlib.shake_128(value + number.to_bytes(4, "big")).digest(size)


def main(words: list[str]) -> None:
    """``prepare ROOT``: a deployment of the scans in ROOT/bucket; ``grow ROOT HOME FIRST LAST
    SITES``: copies of its rows."""
    root = Path(words[1])
    if words[0] == "prepare":
        made = of("Deployment").init(root / "home")
        made.add_site(of("SiteConfig")(site=TEMPLATE, bucket=str(root / "bucket")))
    else:
        first, last, sites = map(int, words[3:6])
        grown(root, Path(words[2]), first, last, sites)


if __name__ == "__main__":
    main(sys.argv[1:])

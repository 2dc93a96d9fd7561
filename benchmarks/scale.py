"""What looking costs as a lake grows: `status`, `plan`, and a run with nothing to do.

A site at two sizes, made of a few scans that ran through the pipeline once: their files and rows
again and again, under other ids, patients and hashes, without the pixels. Each command runs in a
process of its own; an exponent is that of all its CPU seconds from the smaller to the larger lake.
"Must hold": a run with nothing to do, where one looked before, costs at most twice what `status`
does, and no exponent is above 1.1.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import yaml

from benchmarks.harness import apart, few, report
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.run.idle import rested
from echoatlas.pipeline.run.run import curate
from echoatlas.pipeline.run.summary import must_hold
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.tables import TABLES
from echoatlas.simulate import make_cine, make_still, write_dicom, write_png

SIZES = few((5_000, 20_000), (300, 1_200))  # frames
SITE, STILLS, CLIP = "st-elsewhere", 3, 9  # stills, and frames of a clip, of the template
TWICE, LIMIT = 2.0, 1.1  # times status; exponent
IDS = ("object_id", "content_id", "frame_id", "patient", "study", "series", "pixel_hash")
HASHES = (
    "frame_phash64", "frame_phash256", "fan_phash64", "fan_phash256", "mirror_phash256",
    "view_phash256",
)  # fmt: skip
BULKY = ("image", "overlay", "patch_map", "mask")  # thumbnails are looked at
AT_ONCE = 1_000  # copies that are made at a time
COMMAND = """
import contextlib, io, sys, time
started = 0.0
from echoatlas.cli import call
with contextlib.redirect_stdout(io.StringIO()) as said:
    code = call([*sys.argv[2:], "--deployment", sys.argv[1], "--json"])
assert code == 0, said.getvalue()
"""


def template(root: Path) -> Deployment:
    """A deployment of one site whose few scans ran through the pipeline."""
    upload = root / "template/upload"
    upload.mkdir(parents=True)
    for seed in range(STILLS):
        scan = make_still(seed=seed, fan="convex", size=(400, 300), anatomy="abdomen/liver")
        (upload / f"{seed}.png").write_bytes(write_png(scan))
    clip = make_cine(seed=STILLS, frames=CLIP, size=(400, 300))
    (upload / f"{STILLS}.dcm").write_bytes(write_dicom(clip, "1.2.840.10008.1.2.4.50"))
    made = Deployment.init(root / "home")
    made.add_site(SiteConfig(site=SITE, bucket=str(root / "template")))
    found = Deployment.find(root / "home")
    must_hold(curate(found))
    return found


def grown(root: Path, source: Deployment, frames: int) -> Path:
    """The folder of a deployment of so many frames, its lake as runs leave it; labels are due."""
    home, bucket = root / f"home-{frames}", root / f"bucket-{frames}"
    shutil.copytree(root / "home", home, ignore=shutil.ignore_patterns("lake"))
    file = home / f"sites/{SITE}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"bucket": str(bucket)}))
    copies = frames // source.lake.count("frames")
    (bucket / "upload").mkdir(parents=True)
    for scan in sorted((root / "template/upload").iterdir()):
        for number in range(copies):
            os.link(scan, bucket / "upload" / f"{number:06d}-{scan.name}")
    site = source.site(SITE)
    before, now = (
        {Path(one.key).name: one.locator for one in arrivals(site, Storage.open(place), key)}
        for place, key in ((root / "template", source.key()), (bucket, source.key()))
    )
    scans = {locator: name for name, locator in before.items()}
    lake = Deployment.find(home).lake
    for name, table in TABLES.items():
        rows = source.lake.read(name)
        if table.scope == "lake" or not rows.num_rows or name == "runs":
            continue
        for start in range(0, copies, AT_ONCE):
            some = range(start, min(start + AT_ONCE, copies))
            lake.append(name, copied(rows, some, scans, now, start))
    return home


def copied(
    rows: pa.Table, copies: range, scans: dict[str, str], places: dict[str, str], start: int
) -> pa.Table:
    """Rows once a copy, each under ids of its own, and of the file that it stands for."""
    columns = {}
    for field in rows.schema:
        values = rows.column(field.name).to_pylist()
        if field.name == "locator":
            made = [places[f"{n:06d}-{scans[one]}"] for n in copies for one in values]
        elif field.name == "ordinal" and "content_id" in rows.column_names:
            made = [n * rows.num_rows + place for n in copies for place in range(rows.num_rows)]
        elif field.name in IDS:
            made = [one and other(one.encode(), n).hex() for n in copies for one in values]
        elif field.name in HASHES:
            made = [one and other(one, n) for n in copies for one in values]
        elif field.name in BULKY:
            made = [one and b"" for _ in copies for one in values]
        else:
            made = values * len(copies)
        columns[field.name] = pa.array(made, field.type)
    return pa.table(columns, schema=rows.schema)


def other(value: bytes, number: int) -> bytes:
    """Other bytes for each copy: as long, or of 16 where they stand for 32 digits."""
    size = len(value) // 2 if len(value) == 32 and value.isalnum() else len(value)
    return hashlib.shake_128(value + number.to_bytes(4, "big")).digest(size)


def main() -> None:
    """Print CPU seconds and memory of each command at both sizes, and how they grow."""
    cost: dict[str, list[tuple[int, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = template(root)
        for frames in SIZES:
            home = grown(root, source, frames)
            apart(COMMAND, home, "run")  # labels and duplicates
            if rested(Deployment.find(home), None) is not None:
                raise AssertionError("a run that worked leaves no note")
            for name in ("status", "plan", "run that looks", "run again"):
                cost.setdefault(name, []).append(apart(COMMAND, home, name.split()[0]))
            if rested(Deployment.find(home), None) is None:
                raise AssertionError("a run that found nothing to do leaves a note")
    for name, ((_, small), (peak, large)) in cost.items():
        more = {"must_hold": TWICE} if name == "run again" else {}
        report(
            "scale",
            f"{name}, {SIZES[1]:,} frames",
            cpu_s=large,
            peak_mb=peak,
            cpu_s_smaller=small,
            exponent=math.log(large / small) / math.log(SIZES[1] / SIZES[0]),
            times_status=large / cost["status"][1][1],
            **more,
        )


if __name__ == "__main__":
    main()

"""Uploads of several sites, written to a folder, with the truth of every object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate.sites import SITES, Drop
from echoatlas.simulate.truth import ObjectTruth, Truth


def build_uploads(
    folder: Path,
    scale: float = 1.0,
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> Truth:
    """Write what each site uploads, and a configuration for each.

    Args:
        folder: gets SITE/UPLOAD/... and SITE.yaml for each site, and truth.json.
        scale: 1.0 is about 100 objects with 600 frames.
        seed: the same seed and scale give the same bytes.
        tell: told what is being done, and how much of it is.

    Returns:
        What is true of them; ``truth.json`` holds the same.
    """
    truth = Truth(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for order, (name, site) in enumerate(SITES.items()):
        bucket = folder / name
        config = {"site": name, "bucket": str(bucket.absolute()), **site.config}
        parse(SiteConfig, config, name)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        for drop in site.drops(max(2, round(site.share * scale)), seed * 10_000 + order * 150):
            path = bucket / drop.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(drop.data)
            _remember(truth, name, drop)
            tell("simulating uploads", len(truth.objects), 0)
    truth.write(folder / "truth.json")
    return truth


def _remember(truth: Truth, site: str, drop: Drop) -> None:
    for name, member in drop.members:
        _remember(truth, site, replace(member, path=f"{drop.path}!{name}"))
    if drop.members:
        truth.remember([Path(drop.path).stem])
        return
    scan = drop.scan
    if scan is not None and scan.identity.name:
        truth.know(scan.identity)
        truth.remember([scan.instance_uid, scan.device.serial])
    stem = Path(drop.path.rpartition("!")[2]).stem
    if scan is not None and scan.identity.patient_id and scan.identity.patient_id in stem:
        truth.remember([stem])
    truth.objects.append(
        ObjectTruth(
            site=site,
            path=drop.path,
            status=drop.status,
            reasons=drop.reasons,
            anatomy=scan.anatomy if scan else "",
            patient=scan.identity.patient_id if scan else "",
            frames=len(scan.pictures) if scan else 0,
            format=drop.format,
            shape=scan.fans[0].shape.value if scan and site != "open-dicom" else "",
            near=drop.near,
        )
    )

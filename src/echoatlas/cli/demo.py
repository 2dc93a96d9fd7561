"""The demo: uploads of made-up sites go in, a release comes out and is read by a trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from echoatlas.loader import load
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.report import write_report
from echoatlas.pipeline.run.run import curate
from echoatlas.pipeline.run.status import status
from echoatlas.pipeline.run.summary import must_hold
from echoatlas.pipeline.sites.onboarding import check_site
from echoatlas.pipeline.sites.receipts import receipts
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.values import EdgeKind
from echoatlas.simulate.truth import Truth
from echoatlas.simulate.uploads import build_uploads
from echoatlas.wording import number_of

RELEASE = "demo"


def rehearse(
    dest: Path, scale: float, seed: int, tell: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """Build uploads, run, release, verify, pull, load, report.

    Raises:
        UsageError: ``dest`` is not empty.
        CheckFailed: any part of the journey did not end well.
    """
    started = time.monotonic()
    dest = dest.absolute()
    try:
        dest.mkdir(parents=True, exist_ok=True)
        full = any(dest.iterdir())
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None
    if full:
        raise UsageError(f"{dest} is not empty: name a new folder, or remove it")
    tell("simulating uploads", 0, 1)
    truth = build_uploads(dest / "uploads", scale, seed, tell)
    deployment = Deployment.init(dest / "deployment")
    for site in truth.sites:
        deployment.add_site(check_site(deployment, dest / "uploads" / f"{site}.yaml").site)
    deployment = Deployment.find(dest / "deployment")
    must_hold(curate(deployment, None, tell))
    if crossed := strangers(deployment, truth):
        raise CheckFailed(
            f"{number_of(len(crossed), 'duplicate')} of different things: {crossed[0]}"
        )
    tell("cutting a release", 0, 1)
    create(
        deployment.lake,
        deployment.releases,
        ReleaseConfig(name=RELEASE),
        sites=deployment.sites.values(),
    )
    tell("verifying it", 0, 1)
    checks = verify(deployment.releases, RELEASE)
    if not all(check.ok for check in checks):
        raise CheckFailed("the release does not verify")
    tell("pulling and loading it", 0, 1)
    pulled = dest / "pulled"
    pull(deployment.releases, RELEASE, pulled, "files", replace=True)
    data = load(RELEASE, lake=deployment.lake.storage.uri)
    samples = sum(1 for sample in data.shuffled(seed=seed) if sample.labels.any())
    tell("writing the report", 0, 1)
    report = dest / "report.html"
    write_report(deployment.lake, deployment.releases, RELEASE, report)
    return {
        "status": status(deployment.lake),
        "release": RELEASE,
        "samples": len(data),
        "labeled": samples,
        "checks": [asdict(check) for check in checks],
        "pulled": str(pulled.absolute()),
        "report": str(report.absolute()),
        "seconds": time.monotonic() - started,
    }


def strangers(deployment: Deployment, truth: Truth) -> list[str]:
    """Pairs of uploaded files that are called duplicates, and show different things in truth."""
    group = {(one.site, one.path): one.near or f"{one.site}/{one.path}" for one in truth.objects}
    shows: dict[str, set[str]] = {}
    for site in truth.sites:
        for receipt in receipts(deployment, arrived_at(deployment, deployment.site(site))):
            name = group.get((site, receipt.file), "")
            shows.setdefault(receipt.object_id, set()).add(name)
    ends = deployment.lake.read(
        "edges", ["object_id", "other_object"], pc.field("kind") != EdgeKind.TIE
    )
    pairs = sorted(zip(*(column.to_pylist() for column in ends.columns), strict=True))
    return [
        " and ".join(sorted(shows[one] | shows[other]))
        for one, other in pairs
        if not shows[one] & shows[other]
    ]

"""Sites drop uploads into a real S3 server, and a watch takes them in whose processes are killed.

Some files are broken, some were sent before. A worker is killed at a third and at a half of the
uploads, the watch itself at two thirds, and started anew. At the end every file must be accounted
for, and none twice: else this fails. Lag is from the PUT of an upload's last file to the receipt
that tells what became of all of them; wall time, since it is waited. Beside it, on the same server:
one upload taken in by hand, and all of them at once.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.dropped import BUCKET, KINDS, PAUSE, Outbox, Plan, Watch
from benchmarks.harness import few, report, seeded
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.run.run import curate
from echoatlas.pipeline.run.status import status
from echoatlas.pipeline.sites.policy import make_bucket
from echoatlas.pipeline.sites.receipts import receipts
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server

PATIENCE = 600.0  # seconds, after the last PUT, without one more that is accepted


def main() -> None:
    """Measure, check, and report."""
    plan = Plan.of(few(20, 4), few(50, 5))
    seeded("soak", pictures=range(KINDS))
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        with server(root / "s3") as (client, listen):
            home = deployed(root / "home", plan.sites)
            single = by_hand(client, home, few(3, 1))
            before = len(plan.files())
            watch = Watch(home, listen, root / "watch.log")
            try:
                put, accepted = soaked(client, plan, watch, few(150.0, 10.0))
            finally:
                watch.end()
            check(Deployment.find(home), plan)
            lags = sorted(accepted[one] - put[one] for one in put)
            seconds = max(accepted.values()) - min(put.values())
            at_once = all_at_once(root, home)
            report("soak", "one upload, by hand (the limit)", median_s=single)
            report(
                "soak",
                "all at once, by hand (the limit)",
                seconds_s=at_once,
                objects_per_s=before / at_once,
            )
            report(
                "soak",
                f"{len(plan.sites)} sites, {few(50, 5)} uploads each",
                objects=before,
                uploads=len(put),
                killed_workers=watch.killed["workers"],
                killed_watches=watch.killed["watches"],
                runs=watch.runs,
                seconds_s=seconds,
                objects_per_s=before / seconds,
                lag_median_s=statistics.median(lags),
                lag_p95_s=lags[int(0.95 * (len(lags) - 1))],
                times_the_limit=statistics.median(lags) / single,
                lost=0,
                twice=0,
            )


@contextmanager
def server(folder: Path) -> Iterator[tuple[Any, str]]:
    """A server that tells an address of what is put; its client, and that address."""
    folder.mkdir()
    listen = f"127.0.0.1:{s3server.free_port()}"
    (folder / "notification.toml").write_text(
        f'[notification.webhook]\nenabled = true\nendpoint = "http://{listen}/"\n'
        f'path_prefixes = ["/buckets/{BUCKET}"]\n'
    )
    process, endpoint = s3server.start(folder)
    try:
        os.environ.update(
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID=s3server.KEY,
            AWS_SECRET_ACCESS_KEY=s3server.SECRET,
        )
        client = s3server.client(endpoint)
        client.create_bucket(Bucket="lake")
        yield client, listen
    finally:
        process.kill()
        process.wait()


def deployed(home: Path, sites: Iterable[str]) -> Path:
    """A deployment with two workers, its lake and its sites' uploads in the server."""
    deployment = Deployment.init(home)
    config = home / "echoatlas.yaml"
    more = {"lake": "s3://lake/one", "engine": {"address": "processes", "workers": 2, "batch": 8}}
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | more))
    for name in [*sites, "by-hand"]:
        deployment.add_site(SiteConfig(site=name, bucket=f"s3://{BUCKET}/{name}"))
    deployment = Deployment.find(home)
    site = deployment.site("by-hand")
    make_bucket(deployment.bucket(site))  # type: ignore[arg-type]
    return home


def by_hand(client: Any, home: Path, number: int) -> float:
    """Seconds of a run for one upload of one scan, the median, after a first one."""
    times = []
    for seed in range(number + 1):
        scan = write_png(make_still(seed=KINDS + seed, fan="convex", size=(160, 120)))
        client.put_object(Bucket=BUCKET, Key=f"by-hand/up-{seed}/scan.png", Body=scan)
        started = time.monotonic()
        curate(Deployment.find(home), ["by-hand"])
        times.append(time.monotonic() - started)
    return statistics.median(times[1:])


def soaked(
    client: Any, plan: Plan, watch: Watch, span: float
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Drop all uploads within about ``span`` seconds, kill meanwhile, and wait for the receipts.

    Returns:
        By site and upload, when its last file was there, and when all of it was accepted.
    """
    put: dict[tuple[str, str], float] = {}
    rounds = list(plan.rounds())
    started = time.monotonic()
    kills = {
        len(rounds) // 3: watch.kill_worker,
        len(rounds) // 2: watch.kill_worker,
        2 * len(rounds) // 3: watch.kill,
    }
    with Outbox(client, plan) as outbox:
        for number, uploads in enumerate(rounds):
            for site, upload, files in uploads:
                for name, data in files.items():
                    client.put_object(Bucket=BUCKET, Key=f"{site}/{upload}/{name}", Body=data)
                put[site, upload] = time.monotonic()
            if number in kills:
                kills[number]()
            time.sleep(max(0.0, started + (number + 1) * span / len(rounds) - time.monotonic()))
        last = time.monotonic()
        while not outbox.whole:
            last = max(last, *outbox.accepted.values()) if outbox.accepted else last
            if time.monotonic() > last + PATIENCE:
                left = len(put) - len(outbox.accepted)
                raise SystemExit(f"soak: {left} uploads wait, and none came in {PATIENCE:.0f} s")
            time.sleep(PAUSE)
    return put, outbox.accepted


def check(deployment: Deployment, plan: Plan) -> None:
    """Hold the lake and the receipts against what was dropped; ends the process where they differ.

    Of files with the same bytes one is kept and the others are its duplicates; what is broken is
    rejected; each has one row in ``objects``, and each object that is kept one frame.
    """
    wrong: list[str] = []
    files = plan.files()
    told: dict[tuple[str, str], list[str]] = {}
    for site in plan.sites:
        for one in receipts(deployment, arrived_at(deployment, deployment.site(site))):
            told.setdefault((site, one.file), []).append(one.status)
    wrong += [f"{place} has no receipt" for place in files.keys() - told.keys()]
    wrong += [f"{place} is told of, and nobody sent it" for place in told.keys() - files.keys()]
    wrong += [f"{place} is told of twice" for place, all_ in told.items() if len(all_) > 1]
    same: dict[tuple[str, bytes], list[str]] = {}
    for (site, key), data in files.items():
        same.setdefault((site, data), []).extend(told.get((site, key), ()))
        if key.endswith("/broken.png") and told.get((site, key)) != ["rejected"]:
            wrong.append(f"{site}/{key} is broken, and {told.get((site, key))}")
    for (site, data), all_ in same.items():
        first = "rejected" if "rejected" in all_ else "kept"
        if Counter(all_) != Counter({first: 1, "duplicate": len(all_) - 1}) - Counter():
            wrong.append(f"{len(data)} bytes of {site}: {sorted(all_)}")
    for table, key in (("sightings", "locator"), ("objects", "locator"), ("frames", "frame_id")):
        rows = deployment.lake.read(table, [key, "site"]).to_pylist()
        ours = [row[key] for row in rows if row["site"] in plan.sites]
        most = len(files) if table != "frames" else sum("kept" in all_ for all_ in same.values())
        if len(ours) != most or len(set(ours)) != most:
            wrong.append(f"{table}: {len(ours)} rows of {len(set(ours))}, and not {most}")
    if not status(deployment.lake)["conservation"]:
        wrong.append("the books do not balance")
    if wrong:
        raise SystemExit("soak: " + "\nsoak: ".join(wrong))


def all_at_once(root: Path, home: Path) -> float:
    """Seconds of one run over all that was dropped, into an empty lake."""
    other = root / "other"
    shutil.copytree(home, other)
    config = other / "echoatlas.yaml"
    config.write_text(config.read_text().replace("s3://lake/one", "s3://lake/two"))
    started = time.monotonic()
    curate(Deployment.find(other))
    return time.monotonic() - started


if __name__ == "__main__":
    main()

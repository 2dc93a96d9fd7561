"""From PUT to accepted: a scan is put on a real S3 server that tells of it, and a watch runs.

A row for a run started by the service's event, one for an event that was lost, so that the clock
starts the run, and beside both the limit: the same run, called by hand when the scan is there.
Accepted is when the receipt lies in the site's outbox. Wall time, since it is waited.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.harness import few, report, seeded
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.run.run import curate
from echoatlas.pipeline.run.watch import watch
from echoatlas.pipeline.sites.events import Hints, Listener
from echoatlas.pipeline.sites.policy import make_bucket
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server

EVERY = 20.0  # seconds between looks without an event
PAUSE = 0.02  # seconds between two looks for the receipt


def seconds(client: Any, bucket: str, upload: str, body: bytes, act: Callable[[], object]) -> float:
    """From the PUT of a scan to its receipt.

    Args:
        act: what is done when it is there.
    """
    started = time.monotonic()
    client.put_object(Bucket=bucket, Key=f"st/{upload}/scan.png", Body=body)
    act()
    while True:
        listed = client.list_objects_v2(Bucket=bucket, Prefix=f"_receipts/st/{upload}.json")
        if listed["KeyCount"]:
            told = client.get_object(Bucket=bucket, Key=f"_receipts/st/{upload}.json")["Body"]
            if [one["status"] for one in json.loads(told.read())] != ["pending"]:
                return time.monotonic() - started
        time.sleep(PAUSE)


def main() -> None:
    """Measure, and report."""
    number = few(5, 1)
    seeded("arrival", scans=range(3 * number + 1))
    scans = iter(
        write_png(make_still(seed=seed, fan="convex", size=(640, 480), screen="none"))
        for seed in range(3 * number + 1)
    )
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        deployment = Deployment.init(root / "home")
        config = root / "home" / "echoatlas.yaml"
        engine = {"engine": {"address": "processes", "workers": 1}}
        config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | engine))
        hints = Hints({})
        (root / "s3").mkdir()
        with Listener("127.0.0.1:0", hints) as listener:
            (root / "s3" / "notification.toml").write_text(
                "[notification.webhook]\nenabled = true\n"
                f'endpoint = "http://{listener.address}/"\npath_prefixes = ["/buckets/uploads"]\n'
            )
            process, endpoint = s3server.start(root / "s3")
            try:
                os.environ.update(
                    AWS_ENDPOINT_URL=endpoint,
                    AWS_ACCESS_KEY_ID=s3server.KEY,
                    AWS_SECRET_ACCESS_KEY=s3server.SECRET,
                )
                site = SiteConfig(site="st", bucket="s3://uploads/st")
                deployment.add_site(site)
                make_bucket(deployment.bucket(site))  # type: ignore[arg-type]
                measure(root / "home", s3server.client(endpoint), hints, scans, number)
            finally:
                process.kill()
                process.wait()


def measure(home: Path, client: Any, hints: Hints, scans: Any, number: int) -> None:
    """The three rows, on one deployment."""

    def opened() -> Deployment:
        return Deployment.find(home)

    def once(name: str, act: Callable[[], object]) -> float:
        return seconds(client, "uploads", name, next(scans), act)

    once("first", lambda: curate(opened()))  # what is loaded once is loaded
    by_hand = [once(f"hand-{n}", lambda: curate(opened())) for n in range(number)]
    limit = statistics.median(by_hand)
    report("arrival", "a run by hand (the limit)", median_s=limit, most_s=max(by_hand))
    told = watched(opened, hints, lambda: [once(f"event-{n}", nothing) for n in range(number)])
    deaf = Hints({})  # to which nobody posts
    lost = watched(opened, deaf, lambda: [once(f"lost-{n}", nothing) for n in range(number)])
    for row, times in (("by an event", told), (f"lost, looked for every {EVERY:g} s", lost)):
        report(
            "arrival",
            row,
            median_s=statistics.median(times),
            most_s=max(times),
            times_the_limit=statistics.median(times) / limit,
        )


def nothing() -> None:
    """Leave it to the watch."""


def watched(
    opened: Callable[[], Deployment], hints: Hints, measured: Callable[[], list[float]]
) -> list[float]:
    """Measure while a watch runs, after its first look."""
    watching = threading.Thread(target=lambda: watch(opened, hints, every=EVERY))
    watching.start()
    time.sleep(few(5, 1))
    try:
        return measured()
    finally:
        hints.stop()
        watching.join()


if __name__ == "__main__":
    main()

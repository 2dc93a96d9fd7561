"""What a soak drops, how it looks for receipts, and the watch that it kills."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from echoatlas.simulate import make_still, write_png

BUCKET = "uploads"
KINDS = 40  # pictures that files are made of: each is its own by a word that nobody reads
BROKEN, AGAIN = 6, 9  # each so-manieth upload has a broken file, or one that was sent before
EVERY = 5.0  # seconds between looks without an event
PAUSE = 0.25  # seconds between looks at the receipts


def named(picture: bytes, name: str) -> bytes:
    """A PNG with a comment of its own: other bytes, and the same pixels."""
    note, out = PngInfo(), io.BytesIO()
    note.add_text("Comment", name)
    with Image.open(io.BytesIO(picture)) as opened:
        opened.save(out, "png", pnginfo=note)
    return out.getvalue()


@dataclass(slots=True)
class Plan:
    """What sites will drop: by site, and by upload, files and their bytes."""

    sites: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)

    @staticmethod
    def of(sites: int, uploads: int) -> Plan:
        pictures = [
            write_png(make_still(seed=seed, fan="convex", size=(160, 120), screen="none"))
            for seed in range(KINDS)
        ]
        plan = Plan()
        for number in range(sites):
            made: list[dict[str, bytes]] = []
            for upload in range(uploads):
                name = f"{number}-{upload}"
                files = {"scan.png": named(pictures[(number + upload) % KINDS], name)}
                if upload % BROKEN == BROKEN - 1 or upload == 1:
                    whole = named(pictures[upload % KINDS], f"broken {name}")
                    files["broken.png"] = whole[: len(whole) // 2]
                if upload % AGAIN == AGAIN - 1 or upload == 2:
                    files["again.png"] = made[upload // 2]["scan.png"]
                made.append(files)
            plan.sites[f"site-{number:02d}"] = made
        return plan

    def rounds(self) -> Iterator[list[tuple[str, str, dict[str, bytes]]]]:
        """One upload of each site at a time: site, name of the upload, files."""
        for number, some in enumerate(zip(*self.sites.values(), strict=True)):
            yield [
                (site, f"upload-{number:02d}", files)
                for site, files in zip(self.sites, some, strict=True)
            ]

    def files(self) -> dict[tuple[str, str], bytes]:
        """By site and key below its prefix."""
        return {
            (site, f"upload-{number:02d}/{name}"): data
            for site, made in self.sites.items()
            for number, files in enumerate(made)
            for name, data in files.items()
        }


class Outbox:
    """When each upload's receipt first told of all its files, seen by looking time and again."""

    def __init__(self, client: Any, plan: Plan) -> None:
        self._client = client
        self._most = {
            (site, f"upload-{number:02d}"): len(files)
            for site, made in plan.sites.items()
            for number, files in enumerate(made)
        }
        self._tags: dict[str, str] = {}
        self.accepted: dict[tuple[str, str], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> Outbox:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def whole(self) -> bool:
        return len(self.accepted) == len(self._most)

    def _look_on(self) -> None:
        while not self._stop.wait(PAUSE):
            for key, tag in self._listed():
                if self._tags.get(key) != tag:
                    self._tags[key] = tag
                    self._read(key)

    def _listed(self) -> Iterator[tuple[str, str]]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=BUCKET, Prefix="_receipts/"):
            for one in page.get("Contents", ()):
                if one["Key"].endswith(".json"):
                    yield one["Key"], one["ETag"]

    def _read(self, key: str) -> None:
        now = time.monotonic()
        _, site, name = key.split("/")
        upload = (site, name.removesuffix(".json"))
        told = json.loads(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        done = [one for one in told if one["status"] != "pending"]
        if len(done) == self._most.get(upload):
            self.accepted.setdefault(upload, now)


class Watch:
    """``echoatlas watch`` in a process of its own, to be killed and started again."""

    def __init__(self, home: Path, listen: str, log: Path) -> None:
        self._command = [sys.executable, "-m", "echoatlas.cli", "--deployment", str(home)]
        self._command += ["--json", "watch", "--every", str(EVERY), "--listen", listen]
        self._log = log
        self.killed: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def _workers(self) -> list[psutil.Process]:
        try:
            below = psutil.Process(self._process.pid).children(recursive=True)
            return [one for one in below if "echoatlas.pipeline.engine.processes" in one.cmdline()]
        except psutil.Error:
            return []

    def _at_work(self) -> list[psutil.Process]:
        until = time.monotonic() + 120
        while not (found := self._workers()):
            if time.monotonic() > until or self._process.poll() is not None:
                raise SystemExit(f"soak: nobody is at work: {self._log.read_text()[-2000:]}")
            time.sleep(0.01)
        return found

    def kill_worker(self) -> None:
        """Kill a worker as soon as there is one."""
        while True:
            try:
                self._at_work()[-1].kill()
            except psutil.NoSuchProcess:
                continue
            self.killed["workers"] += 1
            return

    def kill(self) -> None:
        """Kill it while its workers are at work, and start it anew."""
        self._at_work()
        self._process.kill()
        self._process.wait()
        self.killed["watches"] += 1
        self.start()

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def runs(self) -> int:
        return self._log.read_text().count('"run_id"')

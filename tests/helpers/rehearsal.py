"""A deployment of a test's own, driven by the real command line."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from echoatlas.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.ingest.identify import sightings
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.plan.batch import Batch, RegisterTask
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import survey
from echoatlas.pipeline.run.register import register
from echoatlas.schemas.tables import TABLES, to_arrow
from echoatlas.simulate import make_cine, make_still, write_dicom, write_png

CLI = [sys.executable, "-m", "echoatlas.cli"]
# Ray reads its token once a process: this process and all that it starts have the same
TOKEN = os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
os.environ["RAY_AUTH_MODE"] = "token"


class Rehearsal:
    """A deployment, its sites' folders, and a lake."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "deployment"
        self.uploads = root / "uploads"
        self.lake_path = self.home / "lake"
        config = Deployment.init(self.home).root / "echoatlas.yaml"
        # Each command reads it, and what is commented out takes most of that time
        lines = config.read_text().splitlines(keepends=True)
        config.write_text("".join(one for one in lines if not one.startswith("#")))

    def site(self, name: str, **more: Any) -> Path:
        """Add a site and return its folder."""
        folder = self.uploads / name
        folder.mkdir(parents=True, exist_ok=True)
        file = self.root / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"site": name, "bucket": str(folder), **more}))
        self.run("site", "add", str(file))
        return folder

    def engine(self, **settings: Any) -> None:
        """Set how work is cut and run."""
        config = yaml.safe_load((self.home / "echoatlas.yaml").read_text())
        (self.home / "echoatlas.yaml").write_text(yaml.safe_dump(config | {"engine": settings}))

    def command(self, *words: str) -> list[str]:
        return [*CLI, "--deployment", str(self.home), "--lake", str(self.lake_path), *words]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, however it ends."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=500)

    def alone(self, *words: str) -> Any:
        """Run a command that must succeed in a process of its own, and return what it printed."""
        return printed(self.call(*words, "--json"))

    def run(self, *words: str) -> Any:
        """Run a command that must succeed in this process, and return what it printed as JSON."""
        return printed(self.here(*words, "--json"))

    def here(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, however it ends: a new one takes seconds to begin."""
        command = self.command(*words)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), as_in_a_process():
            code = call(command[len(CLI) :])
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    @property
    def deployment(self) -> Deployment:
        return Deployment.find(self.home, str(self.lake_path))

    @property
    def lake(self) -> Lake:
        return self.deployment.lake

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table that does not tell the time, sorted by key."""
        found = {}
        for name, table in TABLES.items():
            if name != "runs":
                rows = self.lake.read(name).to_pylist()
                found[name] = sorted(rows, key=lambda row: [str(row[k]) for k in table.key])
        return found

    def batch(self, name: str) -> Batch:
        """All that a site dropped, named, as the batch that a worker would get."""
        deployment = self.deployment
        site, bucket = deployment.site(name), deployment.bucket(deployment.site(name))
        config, lake = journey_config(deployment.config), deployment.lake
        fresh = survey(deployment, site, config).fresh
        rows: list[object] = []
        for arrival, seen, _ in register(
            RegisterTask(site, bucket, tuple(fresh), deployment.key(), 0)
        ):
            rows += sightings(name, arrival, seen, len(rows))
        lake.append("sightings", to_arrow("sightings", rows))
        found = survey(deployment, site, config)
        return Batch(
            id="b1",
            lake=lake.storage,
            bucket=bucket,
            items=tuple(found.due),
            site=site,
            key=deployment.site_key(name),
            config=config,
            marks=found.marks,
            retries=0,
            seconds=600,
        )

    def copied(self, root: Path) -> Rehearsal:
        """All of it in another folder: as good as built there, and sooner."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        for file in root.rglob("*.yaml"):
            file.write_text(file.read_text().replace(str(self.root), str(root)))
        other = object.__new__(Rehearsal)
        other.root, other.home = root, root / self.home.relative_to(self.root)
        other.uploads = root / self.uploads.relative_to(self.root)
        other.lake_path = root / self.lake_path.relative_to(self.root)
        return other

    def elsewhere(self, name: str, *, with_lake: bool = False) -> Rehearsal:
        """The same deployment, sites and keys, with a lake of its own: empty, or as it is now."""
        other = object.__new__(Rehearsal)
        other.root, other.uploads = self.root, self.uploads
        other.home = self.root / name
        ignored = shutil.ignore_patterns(*(() if with_lake else ("lake",)))
        shutil.copytree(self.home, other.home, ignore=ignored)
        other.lake_path = other.home / "lake"
        return other


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command that succeeded printed as JSON."""
    assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


@contextmanager
def as_in_a_process() -> Iterator[None]:
    """Have warnings be no errors, and the environment as it was at the end."""
    before = dict(os.environ)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def fill(folder: Path, stills: int = 4, cine: bool = True) -> None:
    """Small scans of several patients, one of them sent twice, and one file that is no scan."""
    upload = folder / "upload-1"
    upload.mkdir(parents=True, exist_ok=True)
    for seed in range(stills):
        scan = make_still(seed=seed, fan="convex", size=(400, 300), anatomy="abdomen/liver")
        data = write_png(scan) if seed % 2 else write_dicom(scan, "1.2.840.10008.1.2.1")
        (upload / f"scan{seed}{'.png' if seed % 2 else '.dcm'}").write_bytes(data)
    (upload / "scan0-again.dcm").write_bytes((upload / "scan0.dcm").read_bytes())
    if cine:
        clip = make_cine(seed=99, frames=5, size=(400, 300))
        (upload / "clip.dcm").write_bytes(write_dicom(clip, "1.2.840.10008.1.2.4.50"))
    (upload / "notes.txt").write_text("nothing to see")

"""Benchmarks run one after another, each in a process of its own, and what they told kept as JSON.

The file holds, by benchmark: ``status`` ("measured", "skipped", "failed"), ``rows`` of figures,
``seeds``, ``environment`` (processor, versions, commit, how busy the machine was). It holds no
date, so that what differs between two files is what was measured. Benchmarks that were not asked
for stay in it as they were.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness import QUICK, ROWS
from echoatlas.pipeline.engine.scatter import ONE_CORE

FOLDER = Path(__file__).parent
FORMAT = 1
VERSIONS = (  # of what is measured, or measured against
    "echoatlas", "datasets", "deltalake", "duckdb", "faiss-cpu", "imagecodecs", "imagehash",
    "numba", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "pyarrow", "pydicom",
    "rapidocr-onnxruntime", "ray", "scikit-image", "scipy", "simplejpeg", "torch", "webdataset",
)  # fmt: skip
Entry = dict[str, Any]


def names(folder: Path = FOLDER) -> list[str]:
    """The benchmarks of a folder: its modules with a ``main``."""
    return [
        path.stem
        for path in sorted(folder.glob("*.py"))
        if path.stem != "__main__" and "main" in _functions(path)
    ]


def _functions(path: Path) -> set[str]:
    body = ast.parse(path.read_text("utf-8")).body
    return {one.name for one in body if isinstance(one, ast.FunctionDef)}


def run(wanted: Iterable[str], out: Path, *, short: bool, folder: Path = FOLDER) -> int:
    """Run benchmarks and write what they told; after each, so that nothing is lost.

    Returns:
        Exit status: 1 if one failed. The others have run all the same.
    """
    results = read(out)
    failed = []
    for name in wanted:
        print(f"== {name}", flush=True)
        entry = carried_out(name, short=short, folder=folder)
        results["benchmarks"][name] = entry
        write(out, results)
        if entry["status"] == "failed":
            failed.append(name)
    for name in failed:
        why = results["benchmarks"][name]["reason"]
        print(f"benchmarks: '{name}' failed: {why}", file=sys.stderr)
    return 1 if failed else 0


def carried_out(name: str, *, short: bool, folder: Path = FOLDER) -> Entry:
    """One benchmark, in a process of its own; what it prints is passed on."""
    place = environment() | {"load": round(os.getloadavg()[0], 1)}  # before it starts
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows"
        rows.touch()
        env = os.environ | ONE_CORE | {ROWS: str(rows)} | ({QUICK: "1"} if short else {})
        # Where the checkout is: a program that a benchmark starts elsewhere imports it as well
        env["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(folder.parent), os.environ.get("PYTHONPATH", "")))
        )
        command = [sys.executable, "-m", f"{folder.name}.{name}"]
        status = subprocess.run(command, env=env, cwd=folder.parent, check=False).returncode
        told = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    entry: Entry = {"status": "measured"}
    skipped = [one["skipped"] for one in told if "skipped" in one]
    strangers = sorted({one["benchmark"] for one in told} - {name})
    if status:
        entry = {"status": "failed", "reason": f"exit status {status}"}
    elif strangers:
        entry = {"status": "failed", "reason": f"it reports as '{strangers[0]}'"}
    elif skipped:
        entry = {"status": "skipped", "reason": skipped[0]}
    elif not any("row" in one for one in told):
        entry = {"status": "failed", "reason": "it reported nothing"}
    if short:
        entry["quick"] = True
    entry["environment"] = place
    if seeds := {key: seed for one in told for key, seed in one.get("seeds", {}).items()}:
        entry["seeds"] = seeds
    entry["rows"] = {one["row"]: one["figures"] for one in told if "row" in one}
    return entry


def environment() -> Entry:
    """What figures depend on: processor, cores, versions, commit."""
    found: dict[str, str] = {}
    for package in VERSIONS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "versions": found,
    }


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    return next(named, platform.processor())


def _commit() -> str:
    """Of the checkout, with a plus where files differ from it; empty outside one."""
    try:
        head, changed = (
            subprocess.run(["git", *words], cwd=FOLDER, capture_output=True, text=True, check=True)
            for words in (
                ("rev-parse", "--short", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no", "--", "..", ":!results.json"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def read(path: Path) -> Entry:
    """Results, or none yet.

    Raises:
        ValueError: they are of another format than this.
    """
    if not path.is_file():
        return {"format": FORMAT, "benchmarks": {}}
    results: Entry = json.loads(path.read_text("utf-8"))
    if results.get("format") != FORMAT:
        raise ValueError(f"{path.name} is not of format {FORMAT}")
    return results


def write(path: Path, results: Entry) -> None:
    """Results as JSON, benchmarks by name."""
    ordered = {"format": FORMAT, "benchmarks": dict(sorted(results["benchmarks"].items()))}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")

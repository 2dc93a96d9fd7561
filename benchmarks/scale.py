"""What each command costs as a lake grows, on its driver and its workers; the former code beside.

``python -m benchmarks.scale [FRAMES]... [--alone] [--full]``. Lakes of many sites, made of a few
scans that ran through the pipeline once (``grown_lake``): their files and rows again and again,
under other ids, patients and hashes, with small pictures that are shared. Each command runs in a
process of its own; "over start" is without what the same command takes at a lake of a few frames.

``exponent`` is of CPU seconds over start, from one size to the next; ``kb_a_row`` and
``at_4500k_mb`` of the memory of the command's own process, which hold if it grows straight on.
"Must hold": a run with nothing to do costs at most twice what `status` does, no exponent is above
1.1, and no process takes 4 GB at 4.5 M frames.

The code of before this was bounded measures itself as well, on a lake of 100,000 frames that it
makes, if this repository's history has it; not with ``--alone``. ``--full`` goes on to 4.5 M.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import as_installed, few, report
from benchmarks.processes import Cost, watched
from benchmarks.survey import former
from echoatlas.simulate import make_cine, make_still, write_dicom, write_png

BEFORE = "e3dbcdb"  # the last commit whose stages went through whole tables as Python objects
SIZES = few((20_000, 100_000, 500_000), (96, 300))  # frames
BESIDE = few(100_000, 300)  # frames, at which the former code is measured too
SITES = few(23, 3)
SEEDS, CLIP = range(4), 9  # stills, then a clip of so many frames
WHOLE = 4_500_000  # frames that the last columns speak of
TWICE, LIMIT, MOST_MB = 2.0, 1.1, 4_000  # times status; exponent; MB of a process
TRIES = 5
GROW = Path(__file__).with_name("grown_lake.py")
COMMAND = """
import contextlib, importlib, importlib.util, io, sys
there = importlib.util.find_spec("echoatlas.cli")  # a former code has it in another place
call = importlib.import_module("echoatlas.cli" if there else "echoatlas.pipeline.cli").call
with contextlib.redirect_stdout(io.StringIO()) as said:
    code = call([*sys.argv[2:], "--deployment", sys.argv[1], "--json"])
assert code == 0, said.getvalue()[-2000:]
"""
BY_PATH = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# By what a row is called; "more" makes the lake one percent larger, and is not measured
STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("run: labels, duplicates", ("run",)),
    ("status", ("status",)),
    ("plan", ("plan",)),
    ("run that looks", ("run",)),
    ("run again", ("run",)),
    ("release create", ("release", "create", "first")),
    ("verify", ("verify", "first")),
    ("report", ("report",)),
    ("report of a release", ("report", "first")),
    ("more", ()),
    ("run with 1 % new", ("run",)),
    ("release create, 1 % new", ("release", "create", "second")),
)


@dataclass(frozen=True, slots=True)
class Code:
    """Sources, and a deployment of theirs to which the few scans ran."""

    name: str
    path: Path
    root: Path

    def env(self) -> dict[str, str]:
        """Its own modules, and no others, first on the path; one core for native libraries."""
        return as_installed() | {"PYTHONPATH": str(self.path), "OMP_NUM_THREADS": "1"}

    def call(self, home: Path, *words: str) -> Cost:
        """A command of its command line."""
        return watched(COMMAND, (home, *words), self.env())

    def grow(self, *words: str | Path) -> Cost:
        """Something of ``grown_lake``."""
        return watched(BY_PATH, (GROW, *words), self.env())


def scans(bucket: Path) -> int:
    """Write the few scans, one of them no scan at all; how many frames they have."""
    upload = bucket / "upload"
    upload.mkdir(parents=True)
    for seed in SEEDS:
        scan = make_still(seed=seed, fan="convex", size=(400, 300), anatomy="abdomen/liver")
        if seed % 2:
            (upload / f"{seed}.dcm").write_bytes(write_dicom(scan))
        else:
            (upload / f"{seed}.png").write_bytes(write_png(scan))
    clip = make_cine(seed=len(SEEDS), frames=CLIP, size=(400, 300))
    (upload / "clip.dcm").write_bytes(write_dicom(clip, "1.2.840.10008.1.2.4.50"))
    (upload / "damaged.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    return len(SEEDS) + CLIP


def prepared(name: str, path: Path, root: Path, bucket: Path) -> Code:
    """A code whose deployment has the few scans."""
    root.mkdir()
    shutil.copytree(bucket, root / "bucket")
    code = Code(name, path, root)
    code.grow("prepare", root)
    for patience in range(TRIES):
        try:
            code.call(root / "home", "run")
            break
        except RuntimeError:  # Ray does not start where a machine is too busy
            if patience == TRIES - 1:
                raise
    return code


def measured(code: Code, frames: int, each: int) -> dict[str, Cost]:
    """What each command takes of a code at a size."""
    home = code.root / f"home-{frames}"
    copies = max(frames // each, SITES)
    cost: dict[str, Cost] = {}
    code.grow("grow", code.root, home, "0", str(copies), str(SITES))
    for name, words in STAGES:
        if name == "more":
            more = max(copies // 100, 1)
            code.grow("grow", code.root, home, str(copies), str(copies + more), str(SITES))
            continue
        given = (*words, "--out", str(home / "report.html")) if words[0] == "report" else words
        cost[name] = code.call(home, *given)
        print(f"  {code.name} {frames:,} {name}: {cost[name]}", file=sys.stderr, flush=True)
    shutil.rmtree(home)
    shutil.rmtree(home.parent / f"{home.name}-buckets")
    return cost


def tell(code: str, size: int, cost: dict[str, Cost], start: dict[str, Cost],
         smaller: tuple[int, dict[str, Cost]] | None) -> None:  # fmt: skip
    """Report a row a command, at a size."""
    for name, now in cost.items():
        figures: dict[str, float] = {
            "cpu_s": now.cpu_s,
            "over_start_s": max(now.cpu_s - start[name].cpu_s, 0.0),
            "peak_mb": now.peak_mb,
            "worker_mb": now.worker_mb,
            "read_mb": now.read_mb,
            "written_mb": now.written_mb,
            "times_status": now.cpu_s / cost["status"].cpu_s,
        }
        if smaller is not None:
            fewer, then = smaller[0], smaller[1][name]
            kb = 1024 * (now.peak_mb - then.peak_mb) / (size - fewer)
            slope = (now.cpu_s - then.cpu_s) / (size - fewer)
            spent = [max(one.cpu_s - start[name].cpu_s, 0.05) for one in (then, now)]
            figures |= {
                "exponent": math.log(spent[1] / spent[0]) / math.log(size / fewer),
                "kb_a_row": kb,
                "at_4500k_s": now.cpu_s + slope * (WHOLE - size),
                "at_4500k_mb": now.peak_mb + kb / 1024 * (WHOLE - size),
            }
        row = f"{name}, {size:,} frames"
        report("scale", row if code == "now" else f"{row}, {code}", **figures)


Measured = tuple[dict[str, Cost], dict[str, Cost]]  # at a size, and at one of a few frames


def compared(now: Measured, before: Measured, size: int) -> None:
    """Report how much less than the former code each command takes: of all, and over start."""
    for name, cost in now[0].items():
        former_cost = before[0][name]
        over = [max(one.cpu_s - few[name].cpu_s, 0.05)
                for one, few in ((cost, now[1]), (former_cost, before[1]))]  # fmt: skip
        report(
            "scale",
            f"{name}, {size:,} frames, beside {BEFORE}",
            times_less_cpu=former_cost.cpu_s / cost.cpu_s,
            times_less_over_start=over[1] / over[0],
            times_less_memory=former_cost.peak_mb / max(cost.peak_mb, 1),
        )


def main(words: list[str] | None = None) -> None:
    """Print what each command costs at each size, and how that grows."""
    given = sys.argv[1:] if words is None else words
    sizes = [int(word) for word in given if word.isdigit()] or list(SIZES)
    if "--full" in given:
        sizes += [one for one in (1_000_000, WHOLE) if one not in sizes]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        each = scans(root / "bucket")
        here = Path(__file__).parents[1] / "src"
        now = prepared("now", here, root / "now", root / "bucket")
        start = measured(now, each * SITES, each)
        smaller: tuple[int, dict[str, Cost]] | None = None
        for size in sizes:
            cost = measured(now, size, each)
            tell(now.name, size, cost, start, smaller)
            smaller = size, cost
            if size == BESIDE and "--alone" not in given:
                beside_former(root, size, each, cost, start)


def beside_former(
    root: Path, size: int, each: int, now: dict[str, Cost], started: dict[str, Cost]
) -> None:
    """Measure the former code at a size, and report how today's compares."""
    (root / "former").mkdir()
    path = former(root / "former", BEFORE)
    if path is None:
        print(f"no commit {BEFORE} at hand: nothing to compare with", flush=True)
        return
    code = prepared("before", path, root / "before", root / "bucket")
    start, cost = (measured(code, frames, each) for frames in (each * SITES, size))
    tell(code.name, size, cost, start, None)
    compared((now, started), (cost, start), size)


if __name__ == "__main__":
    main()

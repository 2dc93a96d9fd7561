"""Every benchmark starts, reports what it measured, and stands for itself when it fails."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.__main__ import main
from benchmarks.runner import FOLDER, names, read, run

MEASURES = """
from benchmarks.harness import few, report, seeded
def main():
    seeded("good", scans=range(3), key=7)
    report("good", "gray", frames=few(60, 6), limit_ms=1.23456, note="as planned")
if __name__ == "__main__":
    main()
"""
SKIPS = """
from benchmarks.harness import skip
def main():
    skip("absent", "the folder of real sample scans is not beside this checkout")
main()
"""
FAILS = """
from benchmarks.harness import report
def main():
    report("bad", "first", frames=1)
    raise ValueError("a fault of its own")
main()
"""
SILENT = "def main(): print('nobody keeps this')\nmain()\n"
STRANGER = "from benchmarks.harness import report\ndef main(): report('good', 'x', n=1)\nmain()\n"


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of benchmarks, each of which ends in another way; they import this harness."""
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "helper.py").write_text("LIMIT = 1\n", "utf-8")
    sources = {"good": MEASURES, "absent": SKIPS, "bad": FAILS, "silent": SILENT}
    for name, source in (sources | {"stranger": STRANGER}).items():
        (folder / f"{name}.py").write_text(source, "utf-8")
    return folder


def run_all(toys: Path) -> dict[str, Any]:
    """What a run of all toys leaves."""
    out = toys.parent / "out.json"

    assert run(names(toys), out, short=True, folder=toys) == 1

    found: dict[str, Any] = read(out)["benchmarks"]
    return found


def test_one_that_fails_names_itself_and_the_others_still_run(
    toys: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = run_all(toys)

    assert {name: entry["status"] for name, entry in results.items()} == {
        "absent": "skipped",
        "bad": "failed",
        "good": "measured",
        "silent": "failed",
        "stranger": "failed",
    }
    assert results["silent"]["reason"] == "it reported nothing"
    assert results["stranger"]["reason"] == "it reports as 'good'"
    assert results["bad"]["rows"] == {"first": {"frames": 1}}  # what it told before is not lost
    told = capfd.readouterr().err
    assert "benchmarks: 'bad' failed: exit status 1" in told
    assert "a fault of its own" in told


def test_figures_come_with_seeds_and_versions_and_without_a_date(toys: Path) -> None:
    good = run_all(toys)["good"]

    assert good["rows"] == {"gray": {"frames": 6, "limit_ms": 1.235, "note": "as planned"}}
    assert good["seeds"] == {"scans": "0 to 2", "key": 7}
    assert good["quick"]
    assert {"processor", "cores", "system", "python", "commit", "versions", "load"} == set(
        good["environment"]
    )
    assert {"numpy", "pydicom"} <= set(good["environment"]["versions"])


def test_one_that_can_not_run_here_says_why(toys: Path) -> None:
    absent = run_all(toys)["absent"]

    assert absent["reason"] == "the folder of real sample scans is not beside this checkout"


def test_samples_that_are_absent_skip_a_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "SAMPLES", tmp_path)

    with pytest.raises(SystemExit) as ended:
        harness.demand_samples("yields")

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("skipped: the folder of real sample scans")


def test_what_was_not_asked_for_stays_as_it_was(toys: Path) -> None:
    out = toys.parent / "out.json"
    old = {"status": "carried", "carried": True, "commit": "abc", "rows": {}}
    out.write_text(json.dumps({"format": 1, "benchmarks": {"old": old}}), "utf-8")

    assert run(["good"], out, short=False, folder=toys) == 0

    found = read(out)["benchmarks"]
    assert old == found["old"]
    assert found["good"]["rows"]["gray"]["frames"] == 60
    assert "quick" not in found["good"]


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drawn"]) == 2

    assert "no benchmark 'drawn'" in capsys.readouterr().err


def test_a_quick_run_never_becomes_the_figures_of_the_readme(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["read", "--quick", "--out", str(FOLDER / "results.json")]) == 2

    assert "another --out" in capsys.readouterr().err


@pytest.mark.parametrize("name", names())
def test_each_benchmark_starts(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")

    assert callable(module.main)
    for package, wanted in imported_by_programs(FOLDER / f"{name}.py"):
        assert hasattr(importlib.import_module(package), wanted), f"{package} has no {wanted}"


@pytest.mark.heavy
def test_a_short_soak_loses_nothing_and_takes_nothing_twice(tmp_path: Path) -> None:
    """It fails by itself where the books do not hold against what was sent."""
    assert main(["soak", "--quick", "--out", str(tmp_path / "out.json")]) == 0

    row = read(tmp_path / "out.json")["benchmarks"]["soak"]["rows"]["4 sites, 5 uploads each"]
    assert (row["uploads"], row["killed_workers"], row["killed_watches"]) == (20, 2, 1)


def test_the_page_on_benchmarks_names_those_that_are() -> None:
    page = (FOLDER.parent / "docs" / "benchmarks.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| .* \| .* \|$", page, re.M)

    assert len(listed) >= 13
    assert set(listed) <= set(names())


def imported_by_programs(path: Path) -> Iterator[tuple[str, str]]:
    """What is imported from here by programs that a benchmark holds as text, for a process of its
    own; not by `OLD`, which is run on an earlier commit."""
    held = ast.parse(path.read_text("utf-8"))
    old = {
        id(node.value)
        for node in ast.walk(held)
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["OLD"]
    }
    for node in ast.walk(held):
        if id(node) in old:
            continue
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "import" in node.value
        ):
            try:
                program = ast.parse(node.value)
            except SyntaxError:  # prose
                continue
            for one in ast.walk(program):
                if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("echoatlas"):
                    yield from ((one.module or "", alias.name) for alias in one.names)


def test_peak_memory_and_time_are_those_of_the_other_process() -> None:
    idle, _ = harness.apart("")
    peak, seconds = harness.apart(
        "import sys, time\nstarted = time.process_time()\nheld = bytearray(int(sys.argv[1]) << 20)",
        64,
    )

    assert 48 <= peak - idle <= 96
    assert 0 <= seconds < 5


def test_a_program_that_fails_in_its_own_process_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        harness.apart("raise KeyError('no such thing')")


def test_ways_take_turns() -> None:
    calls: list[str] = []
    ways = {name: lambda name=name: calls.append(name) for name in ("limit", "ours")}

    seconds = harness.in_turn(ways, rounds=2)

    assert calls == ["limit", "ours", "limit", "ours"]
    assert {name: len(each) for name, each in seconds.items()} == {"limit": 2, "ours": 2}

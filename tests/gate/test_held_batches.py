"""A batch that does not pass the gate is seen by nobody, and nothing of it is lost."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from echoatlas.simulate import make_still, write_png
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.waiting import wait_until

WIDE = {"expect": "ExpectColumnValuesToBeBetween", "column": "native_width", "max_value": 300}
CHECK = "frames: ExpectColumnValuesToBeBetween(native_width)"


@pytest.fixture(scope="module")
def scans() -> list[bytes]:
    """Three small scans and one that is larger than its site expects."""
    sizes = [(240, 180)] * 3 + [(480, 360)]
    return [
        write_png(make_still(seed=seed, fan="convex", size=size)) for seed, size in enumerate(sizes)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scans: list[bytes]) -> Rehearsal:
    """A site that expects small scans, one of whose is large, and another that has one scan."""
    rehearsal = Rehearsal(tmp_path_factory.mktemp("held"))
    rehearsal.engine(workers=1)
    for name, some, more in (
        ("st-strict", scans, {"expect": {"frames": [WIDE]}}),
        ("st-other", scans[:1], {}),
    ):
        folder = rehearsal.site(name, **more)
        (folder / "upload-1").mkdir()
        for number, data in enumerate(some):
            (folder / "upload-1" / f"{number}.png").write_bytes(data)
    return rehearsal


def failing(one: Rehearsal) -> dict[str, Any]:
    done = one.here("run", "--json")
    assert done.returncode == 1, done.stderr
    return dict(json.loads(done.stdout))


def expecting(one: Rehearsal, site: str, wanted: object) -> None:
    file = one.home / f"sites/{site}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"expect": wanted}))


def test_a_batch_is_held_back_whole_and_then_what_was_at_fault_alone(made: Rehearsal) -> None:
    strict = made.elsewhere("strict", with_lake=True)
    lenient = made.elsewhere("lenient", with_lake=True)
    expecting(lenient, "st-strict", {})
    lenient.run("run")

    first = failing(strict)
    seen = strict.run("status")
    rows = strict.rows()
    note = json.loads((strict.lake_path / "_gate.json").read_text())["st-strict"]

    (fault,) = note["faulty"]
    assert len(first["failed"]) == 1, first["failed"]
    assert first["failed"][0].startswith(
        f"st-strict: the gate held back 4 objects, which stay due: {CHECK}: 1 row, of them "
    )
    assert seen["sites"] == {"st-other": {"kept": 1}, "st-strict": {"pending": 4}}
    assert seen["held"]["st-strict"]["objects"] == 4
    assert seen["conservation"]
    for table in ("objects", "frames", "labels", "measures", "audit", "clips"):
        assert len(rows[table]) == 1, table
    page = (strict.lake_path / seen["held"]["st-strict"]["page"]).read_text()
    assert f"<td>{CHECK}</td>" in page and fault in page
    assert "http" not in page
    names = {p.name for p in strict.lake_path.glob("tables/*/*.parquet")}
    assert not [name for name in names if "st-strict" in name], "what was held back is left over"

    second = failing(strict)
    (refused,) = strict.run("quarantine", "list")
    third = strict.run("run")

    assert second["rejected"] == {"failed_gate": 1}
    assert (refused["object_id"], refused["reason"]) == (fault, "failed_gate")
    assert refused["detail"] == f"{CHECK}: 1 row"
    assert strict.run("status")["sites"]["st-strict"] == {"kept": 3, "rejected": 1}
    assert strict.run("status")["held"] == {}
    assert third["objects"] == 0
    assert not third["failed"]

    expecting(strict, "st-strict", {})
    strict.run("quarantine", "retry", "--reason", "failed_gate")
    strict.run("run")

    assert strict.rows() == lenient.rows()


def test_evidence_alone_that_does_not_pass_is_quarantined_with_its_object(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    light = {"expect": "ExpectColumnValuesToBeBetween", "column": "weight", "max_value": 0.9}
    folder = rehearsal.site("st-words", expect={"evidence": [light]})
    for name, data in zip(("liver", "other"), scans, strict=False):
        (folder / f"{name}.png").write_bytes(data)
    rehearsal.run("run")
    config = rehearsal.home / "echoatlas.yaml"
    config.write_text(config.read_text() + "\nsteps: {evidence: {name: 0.95}}\n")

    held, alone, after = failing(rehearsal), failing(rehearsal), rehearsal.run("run")

    (refused,) = rehearsal.run("quarantine", "list")
    assert "held back 2 objects" in held["failed"][0]
    assert (alone["rejected"], alone["conservation"]) == ({"failed_gate": 1}, True)
    assert refused["detail"] == "evidence: ExpectColumnValuesToBeBetween(weight): 1 row"
    assert (after["objects"], after["reread"], after["failed"]) == (0, 0, [])
    assert rehearsal.run("status")["sites"]["st-words"] == {"kept": 1, "rejected": 1}
    assert len(rehearsal.lake.read("frames")) == 1


@pytest.mark.heavy
def test_killed_after_a_batch_was_held_back_and_run_again_equals_undisturbed(
    made: Rehearsal,
) -> None:
    calm, killed = (made.elsewhere(name, with_lake=True) for name in ("calm", "killed"))
    for one in (calm, killed):
        one.engine(address="processes", workers=1, batch=1, group=1)
    failing(calm)
    process = subprocess.Popen(
        killed.command("run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: refused(killed.lake_path) or process.poll() is not None, "the moment",
               pause=0.002)  # fmt: skip

    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before that moment"
    killed.here("run")

    assert calm.rows() == killed.rows()
    assert killed.run("status")["conservation"]


def refused(lake: Path) -> bool:
    """Whether a run has passed, or refused, anything."""
    return any(lake.glob("_intents/*.json"))

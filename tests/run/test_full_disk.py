"""A full disk is one clear line; with room made, the next run completes what was begun."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import Any

import pytest

SMALL_KB = (  # nothing fits; the names fit; some frames fit
    24,
    pytest.param(160, marks=pytest.mark.heavy),
    pytest.param(400, marks=pytest.mark.heavy),
)


def in_a_mount_of_its_own(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where it may mount file systems that only it sees."""
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module", autouse=True)
def _mounts() -> None:
    if not shutil.which("unshare") or in_a_mount_of_its_own("mount -t tmpfs none /mnt").returncode:
        pytest.skip("this kernel lets nobody mount a small disk (unshare --map-root-user)")


@pytest.mark.parametrize("kilobytes", SMALL_KB)
def test_a_full_disk_is_one_line_and_costs_nothing(undisturbed: Any, kilobytes: int) -> None:
    full = undisturbed.elsewhere(f"full-{kilobytes}")
    full.engine(batch=2, group=1, workers=2, address="processes")
    disk, kept = full.home / "disk", full.home / "kept"
    disk.mkdir()
    full.lake_path = disk / "lake"
    run = shlex.join(full.command("run"))

    done = in_a_mount_of_its_own(
        f"mount -t tmpfs -o size={kilobytes}k none {disk}\n"
        f"mkdir {disk}/lake\n"
        f"{run}; echo first: $?\n"
        f"cp -a {disk}/lake {kept}"
    )
    full.lake_path = kept
    again = full.here("run")

    assert "first: 2" in done.stdout, done.stdout + done.stderr
    assert again.returncode == 0, again.stdout + again.stderr
    said = done.stderr + again.stderr
    complaints = [line for line in said.splitlines() if line.startswith("echoatlas: ")]
    assert [f"echoatlas: no space left in {disk}/lake"] == complaints
    assert "Traceback" not in said
    assert undisturbed.rows() == full.rows()

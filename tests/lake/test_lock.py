"""The lock of a lake on a disk: what its last holder left, whatever becomes of the next one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from echoatlas.pipeline.lake.lock import run_lock
from echoatlas.pipeline.storage.storage import LocalStorage

NO_ROOM = """
import resource, signal, sys
from pathlib import Path
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.lock import run_lock
from echoatlas.pipeline.storage.storage import LocalStorage

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with run_lock(LocalStorage(Path(sys.argv[1])), "r2"):
        pass
except UsageError as error:
    print(error)
"""


def test_a_full_disk_does_not_forget_who_was_cut_off(tmp_path: Path) -> None:
    """What nobody remembers is settled by nobody, and a later run would settle it once more."""
    (tmp_path / "_lock.json").write_text(json.dumps({"run_id": "r1", "pid": 1, "host": "gone"}))

    words = [sys.executable, "-c", NO_ROOM, str(tmp_path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True)

    assert told.stdout.startswith("no space left in ")
    with run_lock(LocalStorage(tmp_path), "r3") as lock:
        assert lock.before == "r1"


def test_who_lets_go_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with run_lock(LocalStorage(tmp_path), "a-long-name-of-a-run") as first:
            assert json.loads((tmp_path / "_lock.json").read_text())["run_id"] == first.run_id
        with run_lock(LocalStorage(tmp_path), "r") as lock:
            assert json.loads((tmp_path / "_lock.json").read_text())["run_id"] == "r"

        assert lock.before == ""

"""What is said of an error says where it was, in words that are true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import echoatlas
from echoatlas.cli import _absent
from echoatlas.pipeline.errors import crash_site, no_such

CRASH = """
from echoatlas.pipeline import errors
from pathlib import Path
import outside
try:
    outside.fails()
except ZeroDivisionError as error:
    print(errors.crash_site(error))
"""


def test_the_place_of_a_crash_is_within_the_package_whatever_the_checkout_is_called(tmp_path):
    """Libraries lie below that folder as well, and are not ours."""
    home = tmp_path / "echoatlas"
    (home / "src").mkdir(parents=True)
    (home / "src" / "echoatlas").symlink_to(Path(echoatlas.__file__).parent)
    (home / "outside.py").write_text("def fails():\n    return 1 / 0\n")
    (home / "crash.py").write_text(CRASH)

    done = subprocess.run(
        [sys.executable, str(home / "crash.py")],
        env=os.environ | {"PYTHONPATH": f"{home / 'src'}{os.pathsep}{home}"},
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == "ZeroDivisionError", done.stderr


def test_the_place_of_a_crash_of_ours_is_its_file_and_line():
    try:
        no_such("thing", "x", None)  # type: ignore[arg-type]
    except TypeError as error:
        told = crash_site(error)

    assert told.startswith("TypeError in errors.py, line ")


WITHOUT = """
import sys
sys.modules["fcntl"] = None
import echoatlas.pipeline.lake.lock, echoatlas.pipeline.engine.jobs
import echoatlas.pipeline.deidentify_tool.name_list, echoatlas.pipeline.deidentify_tool.journal
"""


def test_no_part_needs_a_module_that_windows_has_not():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-500:]


def test_a_module_that_the_system_lacks_is_no_missing_extra():
    told = [_absent(ModuleNotFoundError(name=name)) for name in ("fcntl", "ray")]

    assert "needs another operating system" in told[0] and "pip install" not in told[0]
    assert "pip install 'echoatlas[curate]'" in told[1]


BROKEN = """
import sys, threading
import echoatlas.cli as cli

def broken(arguments):
    try:
        open("/nowhere/Kowalczyk.dcm")
    except OSError as error:
        raise KeyError("Kowalczyk") from error

def call(arguments):
    thread = threading.Thread(target=broken, args=([],))
    thread.start()
    thread.join()
    broken([])

cli.call = call
cli.main([])
"""


def test_a_bug_is_told_by_its_place_and_not_by_what_the_error_says():
    """A library's error quotes what it was at, and a terminal's words end up in a log."""
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True)

    assert done.returncode == 1
    assert "FileNotFoundError\n" in done.stderr and "KeyError" in done.stderr
    assert done.stderr.count("echoatlas: this is a bug: KeyError") == 2
    assert "Kowalczyk" not in done.stdout + done.stderr

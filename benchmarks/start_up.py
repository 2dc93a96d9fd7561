"""CPU seconds before anything is done: of commands, of a trainer's import, of a worker.

Each program runs in a process of its own, in turn with the others, and the fastest counts. "Must
hold": ``--help`` takes at most .4 s; ``echoatlas.load`` at most 1.3 times what importing NumPy,
Arrow and OpenCV takes; a run with nothing to do at most twice what ``status`` does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import as_installed, few, report
from benchmarks.processes import watched
from benchmarks.scale import COMMAND
from echoatlas.pipeline.deployment import Deployment
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_still, write_dicom

ROUNDS = few(5, 1)
HELP = """
import contextlib, io
from echoatlas.cli import call
with contextlib.redirect_stdout(io.StringIO()):
    assert call(["--help"]) == 0
"""
TRAINER = "import numpy, pyarrow, pyarrow.parquet, cv2"
LOAD = "import echoatlas; echoatlas.load"
WORKER = """
from echoatlas.pipeline.forgo import forgo_pandas
forgo_pandas()
import echoatlas.pipeline.run.worker
"""


def made(root: Path) -> Path:
    """A deployment of one still."""
    upload = root / "bucket" / "upload"
    upload.mkdir(parents=True)
    scan = make_still(seed=0, fan="convex", size=(400, 300), anatomy="abdomen/liver")
    (upload / "0.dcm").write_bytes(write_dicom(scan))
    home = root / "home"
    Deployment.init(home).add_site(SiteConfig(site="st", bucket=str(root / "bucket")))
    return home


def main() -> None:
    """Print what each program takes, and how they compare."""
    env = as_installed()
    with tempfile.TemporaryDirectory() as folder:
        home = made(Path(folder))
        programs: dict[str, tuple[str, tuple[str | Path, ...]]] = {
            "an interpreter": ("", ()),
            "--help": (HELP, ()),
            "status": (COMMAND, (home, "status")),
            "run with nothing to do": (COMMAND, (home, "run")),
            "numpy, pyarrow and cv2": (TRAINER, ()),
            "echoatlas.load": (LOAD, ()),
            "a worker": (WORKER, ()),
        }
        for _ in range(2):  # the first has the still to do, the second notes that nothing is left
            watched(COMMAND, (home, "run"), env)
        spent: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(ROUNDS):
            for name, (program, given) in programs.items():
                spent[name].append(watched(program, given, env).cpu_s)
    least = {name: min(each) for name, each in spent.items()}
    for name, cpu_s in least.items():
        report("start_up", name, cpu_s=cpu_s)
    report(
        "start_up",
        "ratios",
        load_times_its_libraries=least["echoatlas.load"] / least["numpy, pyarrow and cv2"],
        rest_times_status=least["run with nothing to do"] / least["status"],
    )


if __name__ == "__main__":
    main()

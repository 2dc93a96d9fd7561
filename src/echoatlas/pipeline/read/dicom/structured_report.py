"""Structured reports: no pictures, but measurements of the pictures of their study."""

from __future__ import annotations

from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.dicom.sop_classes import STORAGE
from echoatlas.pipeline.read.sniff import sniff
from echoatlas.schemas.records import Scan

REPORTS = f"{STORAGE}.88."
NAMED_WITHIN = 4096  # bytes: the class stands in the file meta, or among the first elements


def read_report(data: bytes, config: ReadConfig) -> Scan | None:
    """Open a DICOM structured report.

    Returns:
        A scan without frames, its header the whole content tree; None for all else.

    Raises:
        Reject: ``unreadable``, ``too_deep``, ``too_large``.
    """
    if REPORTS.encode() not in data[:NAMED_WITHIN] or sniff(data) != "dicom":
        return None
    opened = open_dicom(data, config)
    kind = str(opened.header.get("SOPClassUID") or opened.header.file_meta.get(0x00020002) or "")
    if not kind.startswith(REPORTS):
        return None
    nothing = (0, 0, 0)
    return Scan("dicom", opened.syntax, *nothing, lambda: iter(()), header=opened.header)

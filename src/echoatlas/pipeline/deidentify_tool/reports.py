"""Structured reports among the inputs: told by their SOP class, opened without pixels."""

from __future__ import annotations

from typing import Any

from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.pipeline.read.sniff import sniff

REPORTS = "1.2.840.10008.5.1.4.1.1.88."
SOP_CLASS = 0x00080016


def is_report(data: bytes) -> bool:
    """Whether a DICOM file is a structured report (PS3.4 B.5)."""
    if sniff(data) != "dicom" or REPORTS.encode() not in data[:4096]:
        return False
    return read_text(open_report(data), SOP_CLASS).startswith(REPORTS)


def open_report(data: bytes) -> Any:
    """Its header, which is all there is.

    Raises:
        Reject: ``unreadable``, ``too_deep``, ``too_large``.
    """
    return open_dicom(data, ReadConfig()).header

"""Which SOP instance a DICOM file is, and a digest of it that its way here does not change."""

from __future__ import annotations

import hashlib

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.read.dicom.values import read_text

SOP_INSTANCE_UID = 0x00080018


def instance_uid(data: bytes) -> str:
    """The SOP instance UID of a file; "" where it can't be read, or has none."""
    try:
        return read_text(open_dicom(data, ReadConfig()).header, SOP_INSTANCE_UID)
    except Reject:
        return ""


def instance_digest(data: bytes) -> str:
    """A digest, hex, of SOP instance UID, transfer syntax and pixels.

    C-STORE and STOW-RS leave other file meta information, group lengths and private attributes of
    the archive's own; these are not in it. A file without pixels is its bytes.

    Raises:
        Reject: it can't be opened.
    """
    opened = open_dicom(data, ReadConfig())
    uid = read_text(opened.header, SOP_INSTANCE_UID)
    if opened.pixels is None or not uid:
        return hashlib.sha256(data).hexdigest()
    pixels = hashlib.sha256(opened.pixels).hexdigest()
    return hashlib.sha256(f"{uid}\0{opened.syntax}\0{pixels}".encode()).hexdigest()

"""Which DICOM objects are ultrasound pictures, and what the others are."""

from __future__ import annotations

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.dicom.header import Opened

STORAGE = "1.2.840.10008.5.1.4.1.1"
ULTRASOUND = frozenset(f"{STORAGE}.{end}" for end in ("6.1", "3.1", "6.2", "6", "3"))
PHOTOACOUSTIC = f"{STORAGE}.6.3"
# US, intravascular, and the retired echocardiography, color flow and duplex Doppler.
MODALITIES = frozenset({"US", "IVUS", "EC", "CD", "DD"})
# Documents, lists and waveforms of a study: no pictures to look at.
DIRECTORY = "1.2.840.10008.1.3.10"
DOCUMENTS = tuple(f"{STORAGE}.{family}." for family in ("88", "104", "11", "9", "66"))


def check_class(opened: Opened) -> None:
    """Refuse what is no ultrasound picture.

    Raises:
        Reject: ``no_pixels`` for directories and documents, ``not_ultrasound`` for the rest.
    """
    header = opened.header
    meta = header.file_meta
    kind = str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
    if kind == DIRECTORY:
        raise Reject(Reason.NO_PIXELS, "the file is the directory of a medium")
    if kind in ULTRASOUND:
        return
    if kind == PHOTOACOUSTIC:
        raise Reject(
            Reason.NOT_ULTRASOUND,
            "a photoacoustic image shows absorbed light, not echoes; send the ultrasound images "
            "taken with it",
        )
    if f"{kind}.".startswith(DOCUMENTS):
        raise Reject(Reason.NO_PIXELS, "the file is a document or a list, not a picture")
    modality = str(header.get("Modality") or "").strip().upper()
    if not kind and not modality and opened.pixels is None:
        raise Reject(Reason.NO_PIXELS, "the file has no pixel data and does not say what it is")
    if modality not in MODALITIES:
        raise Reject(Reason.NOT_ULTRASOUND, "neither class nor modality is ultrasound")

"""Which DICOM objects are ultrasound pictures, and what the others are."""

from __future__ import annotations

from typing import Any

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.dicom.header import Opened
from echoatlas.pipeline.read.dicom.regions import PER_FRAME, SHARED
from echoatlas.pipeline.read.dicom.values import read_items, read_text

STORAGE = "1.2.840.10008.5.1.4.1.1"
ULTRASOUND = frozenset(f"{STORAGE}.{end}" for end in ("6.1", "3.1", "6.2", "6", "3"))
PHOTOACOUSTIC, VOLUME = f"{STORAGE}.6.3", f"{STORAGE}.6.2"
SEGMENTATIONS = frozenset(f"{STORAGE}.66.{end}" for end in ("4", "7"))
DATA_TYPES, DATA_TYPE, ECHOES = 0x00189807, 0x00189808, "TISSUE_INTENSITY"
# US, intravascular, and the retired echocardiography, color flow and duplex Doppler.
MODALITIES = frozenset({"US", "IVUS", "EC", "CD", "DD"})
# Documents, lists and waveforms of a study: no pictures to look at.
DIRECTORY = "1.2.840.10008.1.3.10"
DOCUMENTS = tuple(f"{STORAGE}.{family}." for family in ("88", "104", "11", "9", "66"))


def check_class(opened: Opened) -> None:
    """Refuse what is no ultrasound picture.

    Raises:
        Reject: ``no_pixels`` for directories and documents, ``not_an_image`` for masks and for
            velocities, ``not_ultrasound`` for the rest.
    """
    header = opened.header
    meta = header.file_meta
    kind = str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
    if kind == DIRECTORY:
        raise Reject(Reason.NO_PIXELS, "the file is the directory of a medium")
    if kind == VOLUME:
        _check_echoes(header)
    if kind in ULTRASOUND:
        return
    if kind in SEGMENTATIONS:
        raise Reject(
            Reason.NOT_AN_IMAGE,
            "the file holds masks of other pictures (a segmentation): in DICOM none are read; send "
            "the pictures alone, or masks as the collection's adapter has them",
        )
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


def _check_echoes(header: Any) -> None:
    """Refuse frames of velocities, elasticity and the like: as gray they look like echoes."""
    frames = [one for groups in (SHARED, PER_FRAME) for one in read_items(header, groups)]
    told = {
        read_text(one, DATA_TYPE).upper()
        for frame in frames
        for one in read_items(frame, DATA_TYPES)
    }
    if told - {ECHOES, ""}:
        raise Reject(
            Reason.NOT_AN_IMAGE,
            "some of the volume's frames are velocities or other measurements, which as gray look "
            "like echoes: send those of tissue intensity alone",
        )

"""Simulated scans as loose files: PNG, JPEG, GIF, video and NIfTI, with names in their metadata."""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import TYPE_CHECKING

import nibabel
import numpy as np
from PIL import Image, PngImagePlugin

from echoatlas.simulate.files.video import encode_video

if TYPE_CHECKING:
    from echoatlas.simulate.pictures.scans import SimulatedScan


def write_png(scan: SimulatedScan, frame: int = 0, identify: bool = True) -> bytes:
    """A frame as PNG; its text chunks name the patient if ``identify``."""
    notes = PngImagePlugin.PngInfo()
    if identify:
        who = scan.identity
        notes.add_itxt("PatientName", who.name)
        notes.add_text("Comment", f"MRN {who.patient_id}", zip=True)
        notes.add_text("Creation Time", who.study_date)
    buffer = BytesIO()
    Image.fromarray(scan.pictures[frame]).save(buffer, "png", pnginfo=notes, compress_level=1)
    return buffer.getvalue()


def write_jpeg(
    scan: SimulatedScan, frame: int = 0, quality: int = 90, identify: bool = True
) -> bytes:
    """A frame as JPEG; comment and EXIF name the patient if ``identify``."""
    options: dict[str, object] = {"quality": quality}
    if identify:
        who = scan.identity
        exif = Image.Exif()
        exif[0x013B] = who.operator  # Artist
        exif[0x010E] = f"{who.shown} {who.patient_id}".encode("ascii", "replace").decode()
        exif[0x0132] = f"{who.study_date[:4]}:{who.study_date[4:6]}:{who.study_date[6:]} 08:00:00"
        options |= {"exif": exif, "comment": f"{who.shown} {who.birth_date}".encode()}
    buffer = BytesIO()
    Image.fromarray(scan.pictures[frame]).save(buffer, "jpeg", **options)
    return buffer.getvalue()


def write_gif(scan: SimulatedScan) -> bytes:
    """A clip as an animated GIF with a comment that names the patient."""
    frames = [Image.fromarray(one).convert("P") for one in scan.pictures]
    buffer = BytesIO()
    frames[0].save(
        buffer,
        "gif",
        save_all=True,
        append_images=frames[1:],
        duration=round((scan.frame_time or 100) / 10) * 10,
        comment=scan.identity.shown.encode("ascii", "replace"),
    )
    return buffer.getvalue()


def write_video(scan: SimulatedScan, container: str = "mp4", codec: str = "libx264") -> bytes:
    """A clip as MP4, MOV, AVI or Matroska with tags that name the patient."""
    who = scan.identity
    tags = {"title": who.shown, "comment": f"MRN {who.patient_id}", "artist": who.operator}
    fps = 1000 / scan.frame_time if scan.frame_time else 30.0
    return encode_video(scan.pictures, codec, container, fps, tags)


def write_nifti(scan: SimulatedScan) -> bytes:
    """A clip as gzipped NIfTI, axes (x, y, frame), with the patient in its description field."""
    gray = scan.pictures if scan.pictures.ndim == 3 else scan.pictures[..., 1]
    spacing = scan.fans[0].mm_per_px if scan.fans else None
    image = nibabel.Nifti1Image(
        np.ascontiguousarray(gray.transpose(2, 1, 0)),
        np.diag([*(spacing or (1.0, 1.0)), 1.0, 1.0]),
    )
    image.header.set_data_dtype(np.uint8)
    shown = scan.identity.shown.encode("ascii", "replace")
    image.header["descrip"] = shown[:79]
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)

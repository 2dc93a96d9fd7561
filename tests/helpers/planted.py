"""Files of every container with an identifier in each place that has room for one."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import av
import h5py
import nibabel
import nrrd
import numpy as np
import pillow_heif
import scipy.io
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin
from pydicom import dcmread, dcmwrite

from echoatlas.simulate import SimulatedScan, make_cine, make_still, write_dicom
from echoatlas.simulate.files.video import encode_video

pillow_heif.register_heif_opener()
SIZE = (192, 144)
DICOM = {
    "native": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
    "jpeg xl": "1.2.840.10008.1.2.4.110",
    "mpeg-2": "1.2.840.10008.1.2.4.100",
    "h264": "1.2.840.10008.1.2.4.102",
    "h264 mp4": "1.2.840.10008.1.2.4.103",
    "hevc": "1.2.840.10008.1.2.4.107",
}


@dataclass(frozen=True, slots=True)
class PlantedFile:
    """A file that hides words.

    Attributes:
        name: of the container.
        words: as they stand in ``data``, or in it once it is unpacked.
    """

    name: str
    suffix: str
    data: bytes
    words: tuple[str, ...]


def words(container: str, number: int) -> list[str]:
    """Words that occur nowhere by chance."""
    drawn = random.Random(container)
    return ["Q" + "".join(drawn.choices("BCDFGHJKLMNPQRTVWXZ", k=9)) for _ in range(number)]


@cache
def still(color: bool = False) -> SimulatedScan:
    """A scan without burned-in text: containers are tried here, not text detection."""
    return make_still(3, size=SIZE, color=color, screen="none", burned_in=())


@cache
def cine() -> SimulatedScan:
    """A short clip."""
    return make_cine(4, frames=3, size=SIZE, screen="none", burned_in=())


def picture(color: bool = False) -> Image.Image:
    return Image.fromarray(still(color).pictures[0])


def profile(word: str) -> bytes:
    """An ICC profile with a word in its description."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made + b"desc" + word.encode()


def exif(word: str) -> Image.Exif:
    made = Image.Exif()
    made[0x010E], made[0x013B] = word, word
    return made


def png(container: str) -> PlantedFile:
    text, packed, international, camera, color, after, xmp = hidden = words(container, 7)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", text)
    notes.add_text("Packed", packed, zip=True)
    notes.add_itxt("PatientName", international)
    notes.add_itxt("XML:com.adobe.xmp", f"<x:xmpmeta>{xmp}</x:xmpmeta>")
    out = io.BytesIO()
    picture().save(out, "png", pnginfo=notes, exif=exif(camera), icc_profile=profile(color))
    return PlantedFile(container, ".png", out.getvalue() + after.encode(), tuple(hidden))


def photo(container: str, kind: str) -> PlantedFile:
    """HEIF of tiles, or AVIF."""
    camera, xmp, after = hidden = words(container, 3)
    out = io.BytesIO()
    notes = f"<x:xmpmeta>{xmp}</x:xmpmeta>".encode()
    tiles = {"tile_size": 64} if kind == "HEIF" else {}
    picture(True).save(out, kind, exif=exif(camera).tobytes(), xmp=notes, **tiles)
    tail = struct.pack(">I4s", 8 + len(after), b"free") + after.encode()
    return PlantedFile(container, f".{kind.lower()}", out.getvalue() + tail, tuple(hidden))


def motion(container: str) -> PlantedFile:
    """JPEGs one after the other, a comment in each."""
    hidden = words(container, 3)
    parts = []
    for shown, word in zip(cine().pictures, hidden, strict=True):
        out = io.BytesIO()
        Image.fromarray(shown).save(out, "jpeg", quality=95, comment=word.encode())
        parts.append(out.getvalue())
    return PlantedFile(container, ".mjpeg", b"".join(parts), tuple(hidden))


def bare(container: str, codec: str) -> PlantedFile:
    """A video without a container, with a message in front, as encoders and recorders do it."""
    (word,) = hidden = words(container, 1)
    said = bytes([16 + len(word)]) + bytes(range(1, 17)) + word.encode() + b"\x80"
    message = {
        "h264": b"\0\0\0\1\x06\x05" + said,
        "hevc": b"\0\0\0\1\x4e\x01\x05" + said,
        "m4v": b"\0\0\1\xb2" + word.encode(),
    }[container]
    data = encode_video(cine().pictures, codec, container)
    second = data.index(b"\0\0\1", 4) - (container != "m4v")
    return PlantedFile(
        container, f".{container}", data[:second] + message + data[second:], tuple(hidden)
    )


def jpeg(container: str, color: bool = False, **options: object) -> PlantedFile:
    comment, camera, tint, after, app = hidden = words(container, 5)
    out = io.BytesIO()
    picture(color).save(
        out, "jpeg", quality=92, comment=comment, exif=exif(camera), icc_profile=profile(tint),
        **options,
    )  # fmt: skip
    data = out.getvalue()
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(app)) + app.encode()
    return PlantedFile(
        container, ".jpg", data[:2] + segment + data[2:] + after.encode(), tuple(hidden)
    )


def gif(container: str) -> PlantedFile:
    comment, after = hidden = words(container, 2)
    frames = [Image.fromarray(one).convert("P") for one in cine().pictures]
    out = io.BytesIO()
    frames[0].save(
        out, "gif", save_all=True, append_images=frames[1:], comment=comment.encode(),
        duration=[40, 70, 110][: len(frames)],
    )  # fmt: skip
    return PlantedFile(container, ".gif", out.getvalue() + after.encode(), tuple(hidden))


def tiff(container: str) -> PlantedFile:
    description, software, artist, private = hidden = words(container, 4)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        for one in cine().pictures:
            file.write(
                one, photometric="minisblack", description=description, software=software,
                extratags=[(315, "s", 0, artist, True), (65000, "s", 0, private, True)],
                metadata=None, contiguous=False,
            )  # fmt: skip
    return PlantedFile(container, ".tif", out.getvalue(), tuple(hidden))


def bmp(container: str) -> PlantedFile:
    (after,) = hidden = words(container, 1)
    out = io.BytesIO()
    picture().save(out, "bmp")
    return PlantedFile(container, ".bmp", out.getvalue() + after.encode(), tuple(hidden))


def webp(container: str) -> PlantedFile:
    camera, color, xmp = hidden = words(container, 3)
    out = io.BytesIO()
    picture(color=True).save(
        out, "webp", lossless=True, exif=exif(camera), icc_profile=profile(color), xmp=xmp.encode()
    )
    return PlantedFile(container, ".webp", out.getvalue(), tuple(hidden))


def video(container: str, kind: str, codec: str) -> PlantedFile:
    title, comment, after = hidden = words(container, 3)
    tags = {"title": title, "comment": comment}
    data = encode_video(cine().pictures, codec, kind, 30.0, tags)
    suffix = {"matroska": ".mkv"}.get(kind, f".{kind}")
    box = struct.pack(">I4s", 8 + len(after), b"udta") + after.encode()
    return PlantedFile(container, suffix, data + box, tuple(hidden))


def handler(container: str) -> PlantedFile:
    """An MP4 whose track is named in its handler, and that says where it was taken."""
    name, place, sei = hidden = words(container, 3)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"movflags": "use_metadata_tags"}) as file:
        stream = file.add_stream("libx264", rate=30, options={"x264-params": "info=1"})
        stream.height, stream.width, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stream.metadata["handler_name"] = name
        file.metadata["com.apple.quicktime.location.ISO6709"] = place
        for one in cine().pictures:
            frame = av.VideoFrame.from_ndarray(one, format="gray")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    data = out.getvalue()
    # x264 writes its settings as SEI; whoever writes there can write anything.
    at = data.index(b"x264 - core")
    return PlantedFile(
        container, ".mp4", data[:at] + sei.encode() + data[at + len(sei) :], tuple(hidden)
    )


def volume() -> NDArray[np.uint8]:
    return np.ascontiguousarray(cine().pictures.transpose(2, 1, 0))


def nifti(container: str, packed: bool) -> PlantedFile:
    described, intent, aux, extension = hidden = words(container, 4)
    image = nibabel.Nifti1Image(volume(), np.diag([0.2, 0.2, 1.0, 1.0]))
    image.header["descrip"], image.header["intent_name"] = described, intent
    image.header["aux_file"] = aux
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", extension.encode()))
    data = image.to_bytes()
    return PlantedFile(
        container,
        ".nii.gz" if packed else ".nii",
        gzip.compress(data) if packed else data,
        tuple(hidden),
    )


def nrrd_file(container: str) -> PlantedFile:
    key, content, comment = hidden = words(container, 3)
    out = io.BytesIO()
    head = {"patient": key, "content": content, "encoding": "raw"}
    nrrd.write(out, volume(), head)
    data = out.getvalue().replace(b"NRRD0005\n", f"NRRD0005\n# {comment}\n".encode(), 1)
    return PlantedFile(container, ".nrrd", data, tuple(hidden))


def mha(container: str) -> PlantedFile:
    comment, name = hidden = words(container, 2)
    frames = cine().pictures
    head = (
        f"ObjectType = Image\nNDims = 3\nComment = {comment}\nPatientName = {name}\n"
        "BinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
        f"DimSize = {frames.shape[2]} {frames.shape[1]} {frames.shape[0]}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return PlantedFile(container, ".mha", head.encode() + frames.tobytes(), tuple(hidden))


def hdf5(container: str) -> PlantedFile:
    attribute, own, text, gone, before = hidden = words(container, 5)
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        file["former"] = np.array([gone] * 64, "S10")
        file.attrs["patient"] = attribute
        node = file.create_dataset("frames", data=cine().pictures)
        node.attrs["name"] = own
        file["note"] = text
        file.flush()
        del file["former"]  # its bytes stay in the file
    data = before.encode() + out.getvalue()[len(before) :]
    return PlantedFile(container, ".h5", data, tuple(hidden))


def mat(container: str) -> PlantedFile:
    (text,) = hidden = words(container, 1)
    out = io.BytesIO()
    frames = np.moveaxis(cine().pictures, 0, -1)
    scipy.io.savemat(out, {"frames": frames, "patient": text})
    return PlantedFile(container, ".mat", out.getvalue(), tuple(hidden))


def npy(container: str) -> PlantedFile:
    """The header is a line of Python, which may end in a comment."""
    (comment,) = hidden = words(container, 1)
    out = io.BytesIO()
    np.save(out, cine().pictures)
    said = f"# {comment}\n".encode()
    head = out.getvalue()[:128]
    data = head[: -len(said)] + said + out.getvalue()[128:]
    return PlantedFile(container, ".npy", data, tuple(hidden))


def npz(container: str) -> PlantedFile:
    """A picture and its mask: a zip, which has a comment, of arrays whose headers have one."""
    comment, note = hidden = words(container, 2)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, values in (("image", still().pictures[0]), ("mask", still().pictures[0] > 99)):
            array = io.BytesIO()
            np.save(array, values)
            said = f"# {comment}\n".encode()
            head = array.getvalue()[:128]
            archive.writestr(f"{name}.npy", head[: -len(said)] + said + array.getvalue()[128:])
        archive.comment = note.encode()
    return PlantedFile(container, ".npz", out.getvalue(), tuple(hidden))


def ultrasonix(container: str) -> PlantedFile:
    """Numbers alone, and every byte is one: the probe's and the last have room for four letters."""
    probe, last = hidden = ["QXZV", "QVZX"]
    shown = cine().pictures
    count, height, width = shown.shape
    numbers = struct.pack("<13i", 4, count, width, height, 8, *[0] * 8)
    head = numbers + probe.encode() + struct.pack("<4i", 0, 0, 30, 0) + last.encode()
    return PlantedFile(container, ".b8", head + shown.tobytes(), tuple(hidden))


def dicom(container: str, syntax: str, color: bool = False) -> PlantedFile:
    """A cine, or a color still, whose header, preamble, codestream and tail hide words."""
    name, private, preamble, tail, icc = hidden = words(container, 5)
    made = write_dicom(
        still(True) if color else cine(),
        syntax,
        "YBR_FULL_422" if color and syntax == DICOM["jpeg"] else None,
        overrides={"PatientComments": name, "ICCProfile": icc.encode()},
    )
    header = dcmread(io.BytesIO(made))
    block = header.private_block(0x0029, "ACME 1.0", create=True)
    block.add_new(0x10, "LO", private)
    header.preamble = preamble.encode().ljust(128, b"\0")
    header.DataSetTrailingPadding = tail.encode()
    out = io.BytesIO()
    little = syntax != "1.2.840.10008.1.2.2"
    dcmwrite(
        out, header, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=little,
        force_encoding=True,
    )  # fmt: skip
    return PlantedFile(container, ".dcm", out.getvalue(), tuple(hidden))


MAKERS: dict[str, Callable[[str], PlantedFile]] = {
    "png": png,
    "jpeg gray": jpeg,
    "jpeg 4:2:0": lambda name: jpeg(name, True, subsampling="4:2:0"),
    "jpeg 4:4:4": lambda name: jpeg(name, True, subsampling="4:4:4"),
    "jpeg progressive": lambda name: jpeg(name, True, progressive=True),
    "gif": gif,
    "tiff": tiff,
    "bmp": bmp,
    "webp": webp,
    "heif": lambda name: photo(name, "HEIF"),
    "avif": lambda name: photo(name, "AVIF"),
    "mjpeg": motion,
    "h264": lambda name: bare(name, "libx264"),
    "hevc": lambda name: bare(name, "libx265"),
    "m4v": lambda name: bare(name, "mpeg4"),
    "mp4": lambda name: video(name, "mp4", "libx264"),
    "mp4 handler": handler,
    "mov": lambda name: video(name, "mov", "mjpeg"),
    "avi": lambda name: video(name, "avi", "mjpeg"),
    "mkv": lambda name: video(name, "matroska", "libx264"),
    "nifti": lambda name: nifti(name, packed=False),
    "nifti packed": lambda name: nifti(name, packed=True),
    "nrrd": nrrd_file,
    "mha": mha,
    "hdf5": hdf5,
    "mat": mat,
    "npy": npy,
    "npz": npz,
    "ultrasonix": ultrasonix,
    **{
        f"dicom {name}": lambda made, syntax=syntax: dicom(made, syntax)  # type: ignore[misc]
        for name, syntax in DICOM.items()
    },
    "dicom jpeg color": lambda name: dicom(name, DICOM["jpeg"], color=True),
    "dicom native color": lambda name: dicom(name, DICOM["native"], color=True),
}


@cache
def planted_file(container: str) -> PlantedFile:
    """A file of a container, a key of ``MAKERS``."""
    return MAKERS[container](container)


def unpacked(data: bytes) -> bytes:
    """A file with whatever in it was compressed as a whole or by chunks, unpacked behind it."""
    parts = [data]
    if data[:2] == b"\x1f\x8b":
        parts.append(gzip.decompress(data))
    if b"\n\n\x1f\x8b" in data[:4096]:  # NRRD
        parts.append(gzip.decompress(data[data.index(b"\n\n") + 2 :]))
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts += [archive.read(name) for name in archive.namelist()]
    if data[128:132] == b"DICM":
        parts += [str(dcmread(io.BytesIO(data))).encode()]
    at = 0
    while (at := data.find(b"\x78", at)) >= 0 and len(data) < 1 << 22:  # zlib streams
        engine = zlib.decompressobj()
        try:
            if data[at + 1] in (0x01, 0x5E, 0x9C, 0xDA):
                parts.append(engine.decompress(data[at:], 1 << 20))
        except (zlib.error, IndexError):
            pass
        at += 1
    return b"\0".join(parts)

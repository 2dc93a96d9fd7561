"""The format of bytes, told by their content alone: names and extensions lie."""

from __future__ import annotations

import struct

PICTURES = frozenset({"png", "gif", "bmp", "tiff", "webp", "heif", "avif"})
VIDEOS = frozenset({"mp4", "mov", "avi", "mpeg", "mkv", "asf", "flv", "h264", "hevc", "m4v"})
# Start codes of bare H.264 and HEVC streams, before a parameter set or an access unit delimiter
# (ITU-T H.264 table 7-1, H.265 table 7-1).
STARTS = (b"\x00\x00\x00\x01", b"\x00\x00\x01")
# (offset, magic, format): the first that fits; longer and rarer ones first.
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "dicom"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"),
    (0, b"MM\x00+", "tiff"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jpegxl"),
    (0, b"\xff\x0a", "jpegxl"),
    (0, b"\x1aE\xdf\xa3", "mkv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpeg"),
    (0, b"\x00\x00\x01\xb0", "m4v"),
    (0, b"\x00\x00\x01\x20", "m4v"),
    *(
        (0, start + unit, "h264")
        for start in STARTS
        for unit in (b"\x67", b"\x27", b"\x47", b"\x09")
    ),
    *((0, start + unit, "hevc") for start in STARTS for unit in (b"\x40\x01", b"\x46\x01")),
    (0, b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (0, b"FLV\x01", "flv"),
    (0, b"NRRD000", "nrrd"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (512, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"MATLAB 5.0 MAT-file", "mat"),
    (0, b"\x93NUMPY", "npy"),
    (344, b"n+1\x00", "nifti"),
    (344, b"ni1\x00", "nifti"),
    (4, b"n+2\x00\r\n\x1a\n", "nifti"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (257, b"ustar", "tar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"%PDF-", "pdf"),
)
RIFF = {b"AVI ": "avi", b"AVIX": "avi", b"WEBP": "webp"}
# Boxes that may open an ISO base media file; QuickTime files need not begin with ``ftyp``.
BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
# Major brands of pictures in that container (ISO/IEC 23008-12, AV1 Image File Format); the boxes
# of its items look like a video's tracks to who does not ask for the brand.
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2",
     b"msf1", b"avif", b"avis", b"jpeg", b"avci", b"j2ki"}
)  # fmt: skip
AVIF_BRANDS = frozenset({b"avif", b"avis"})
ULTRASONIX = struct.Struct("<19i")
ULTRASONIX_KINDS = frozenset({2, 4, 8, 16, 32, 64, 128, 256, 1024})
ULTRASONIX_TAG = 4  # bytes before each frame of radio-frequency data
ANALYZE = 348  # bytes of a header, and its first number
META_KEYS = (b"ObjectType", b"NDims", b"BinaryData", b"Comment", b"ObjectSubType", b"DimSize")


def sniff(data: bytes) -> str:
    """Name the format of a file by its content.

    Returns:
        "dicom", "png", "jpeg", ..., or "" if it is none that is known.
    """
    for offset, magic, name in MAGIC:
        if data.startswith(magic, offset):
            return name
    if data[:4] == b"RIFF":
        return RIFF.get(data[8:12], "")
    if data[4:8] == b"ftyp" and (picture := _picture_by_brand(data)):
        return picture
    if data[4:8] in BOXES:
        return "mov" if data[8:12] == b"qt  " or data[4:8] != b"ftyp" else "mp4"
    if data[:2] == b"BM" and _is_bmp(data):
        return "bmp"
    if data.lstrip()[:16].startswith(META_KEYS):
        return "mha"
    if _is_transport_stream(data):
        return "mpeg"
    if _is_ultrasonix(data):  # before DICOM, whose first number may be the same
        return "ultrasonix"
    if len(data) == ANALYZE and ANALYZE in struct.unpack("<i", data[:4]) + struct.unpack(
        ">i", data[:4]
    ):
        return "analyze"
    if _is_bare_dicom(data):
        return "dicom"
    return ""


def _picture_by_brand(data: bytes) -> str:
    """What an ISO base media file is if it is a picture: "heif", "avif", or ""."""
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[place : place + 4] for place in range(8, length - 3, 4) if place != 12]
    if not brands or brands[0] not in HEIF_BRANDS:
        return ""
    return "heif" if AVIF_BRANDS.isdisjoint(brands) else "avif"


def _is_bmp(data: bytes) -> bool:
    """BMP's two letters are too few: its information header must have a known size as well."""
    if len(data) <= 26:
        return False
    return struct.unpack_from("<I", data, 14)[0] in (12, 40, 52, 56, 64, 108, 124)


def _is_transport_stream(data: bytes) -> bool:
    return len(data) > 188 * 3 and all(data[packet * 188] == 0x47 for packet in range(4))


def _is_bare_dicom(data: bytes) -> bool:
    """DICOM without preamble: the first element is of group 2 or 8 and its length fits."""
    if len(data) < 16:
        return False
    for order in "<>":
        group = struct.unpack_from(f"{order}H", data)[0]
        if group in (2, 8):
            explicit = data[4:6].isalpha() and data[4:6].isupper()
            implicit_length = struct.unpack_from("<I", data, 4)[0]
            if explicit or (order == "<" and implicit_length <= len(data)):
                return True
    return False


def _is_ultrasonix(data: bytes) -> bool:
    """Whether the numbers explain every byte of a file: there is no magic to tell it by."""
    if len(data) < ULTRASONIX.size:
        return False
    kind, frames, width, height, bits, *_ = ULTRASONIX.unpack_from(data)
    if kind not in ULTRASONIX_KINDS or bits not in (8, 16, 32):
        return False
    if min(frames, width, height) < 1 or max(width, height) > 1 << 16:
        return False
    each = width * height * bits // 8
    return len(data) - ULTRASONIX.size in (frames * each, frames * (each + ULTRASONIX_TAG))

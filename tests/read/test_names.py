"""Members of archives are called as their sender called them, whatever the packer's code page."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib

import pytest

from echoatlas.pipeline.read.archive import members

NAMES = {
    "gb18030": ("患者甲/肝脏一.png", "患者乙/肾脏.png"),
    "cp932": ("患者あ/超音波.png", "かんぞう.png"),
    "cp949": ("환자하나/간초음파.png", "환자둘/신장.png"),
    "cp437": ("Müller/Über.png", "Größe.png"),
    "big5": ("病患/肝臟超音波.png", "腎臟.png"),
    "cp850": ("pâté.png", "Straße/Ärztin.png"),
    "utf-8": ("Žižka/játra.png", "肝.png"),
}


def zipped(names: tuple[str, ...], encoding: str) -> bytes:
    """A zip as Windows' own packer writes it: names in the system's code page, and no flag."""
    sizes = [len(name.encode(encoding)) for name in names]
    plain = [letter * size for letter, size in zip("QX", sizes, strict=True)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in plain:
            archive.writestr(name, b"x")
    data = stream.getvalue()
    for name, meant in zip(plain, names, strict=True):
        data = data.replace(name.encode(), meant.encode(encoding))
    return data


@pytest.mark.parametrize("encoding", NAMES)
def test_names_of_a_zip_without_the_flag_are_read(encoding: str) -> None:
    data = zipped(NAMES[encoding], encoding)

    assert NAMES[encoding] == tuple(member.name for member in members(data))


def test_a_name_in_the_extra_field_of_info_zip_is_taken() -> None:
    raw = "?ivot.png".encode("cp437").replace(b"?", b"\x9a")
    meant = "Život.png".encode()
    info = zipfile.ZipInfo("0ivot.png")
    field = struct.pack("<BL", 1, zlib.crc32(raw)) + meant
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, b"x")

    (found,) = members(stream.getvalue().replace(b"0ivot.png", raw))

    assert found.name == "Život.png"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_of_a_tar_can_be_written_into_a_receipt(encoding: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=tarfile.GNU_FORMAT, encoding=encoding
    ) as archive:
        for name in NAMES["gb18030"]:
            archive.addfile(tarfile.TarInfo(name))

    found = tuple(member.name for member in members(stream.getvalue()))

    assert NAMES["gb18030"] == found
    assert "".join(found).encode()

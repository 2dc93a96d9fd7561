"""Volumes whose header and values are two files: joined before anything else is done with them."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import nibabel
import numpy as np
import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.archive import opened
from echoatlas.pipeline.read.arrays.detached_header import beside_headers, read_whole, values_of
from echoatlas.simulate import make_cine

PICTURES = make_cine(4, frames=2, size=(160, 120)).pictures
VALUES = PICTURES.tobytes()


def meta(values: str, *more: str) -> bytes:
    lines = ["ObjectType = Image", "NDims = 3", "DimSize = 160 120 2", "ElementType = MET_UCHAR"]
    return "\n".join([*lines, *more, f"ElementDataFile = {values}"]).encode()


def nrrd(values: str, encoding: str = "raw") -> bytes:
    return (
        f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 160 120 2\nencoding: {encoding}\n"
        f"data file: {values}\n"
    ).encode()


def pair(offset: int = 0, order: str = "<") -> tuple[bytes, bytes]:
    """Header and values of NIfTI in two files, as nibabel, SPM and SimpleITK write them."""
    volume = PICTURES.transpose(2, 1, 0)
    header = nibabel.nifti1.Nifti1PairHeader(endianness=order)
    header.set_data_shape(volume.shape)
    header.set_data_dtype(volume.dtype)
    header["vox_offset"] = offset
    return header.binaryblock, bytes(offset) + volume.tobytes(order="F")


def zipped(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


def taped(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tape:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tape.addfile(entry, io.BytesIO(data))
    return sink.getvalue()


def lying_in(folder: dict[str, bytes]):
    def look(name: str) -> bytes:
        if name not in folder:
            raise FileNotFoundError
        return folder[name]

    return look


@pytest.mark.parametrize(
    ("name", "header", "values", "content"),
    [
        ("a/scan.mhd", meta("scan.raw"), "a/scan.raw", VALUES),
        ("scan.MHD", meta("other.zraw", "CompressedData = True"), "other.zraw",
         gzip.compress(VALUES)),
        ("a/scan.hdr", pair()[0], "a/scan.img", pair()[1]),
        ("SCAN.HDR", pair(32)[0], "SCAN.IMG", pair(32)[1]),
        ("scan.hdr", pair(order=">")[0], "scan.img", pair(order=">")[1]),
        ("a/scan.nhdr", nrrd("scan.raw"), "a/scan.raw", VALUES),
        ("a/scan.nhdr", nrrd("scan.raw.gz", "gzip"), "a/scan.raw.gz", gzip.compress(VALUES)),
    ],
)  # fmt: skip
def test_a_header_is_read_with_the_values_beside_it(name, header, values, content):
    folder = {name: header, values: content}

    whole = read_whole(name, lying_in(folder))

    assert np.array_equal(PICTURES, np.stack(list(read(whole).frames())))


@pytest.mark.parametrize("pack", [zipped, taped])
def test_in_an_archive_too_even_within_another(pack):
    pair = {"b/scan.mhd": meta("scan.raw"), "b/scan.raw": VALUES, "c/text": b"text"}
    nested = {"top.mhd": meta("top.raw"), "inner.zip": zipped(pair), "top.raw": VALUES}

    found = {member.name: content() for member, content in opened(pack(nested))}

    assert {"top.mhd", "inner.zip!b/scan.mhd", "inner.zip!c/text"} == found.keys()
    for name in ("top.mhd", "inner.zip!b/scan.mhd"):
        assert np.array_equal(PICTURES, np.stack(list(read(found[name]).frames())))


def test_a_pair_of_nifti_in_an_archive_is_one_scan():
    header, values = pair()

    packed = zipped({"a/x.hdr": header, "a/x.img": values})
    found = {member.name: content() for member, content in opened(packed)}

    assert [*found] == ["a/x.hdr"]
    assert np.array_equal(PICTURES, np.stack(list(read(found["a/x.hdr"]).frames())))


def test_a_header_of_analyze_is_told_as_that():
    """It does not say which way its axes run, and programs differ."""
    header = nibabel.spm2analyze.Spm2AnalyzeHeader()
    header.set_data_shape((8, 8, 8))

    with pytest.raises(Reject) as caught:
        read(header.binaryblock)

    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
    assert "Analyze 7.5" in caught.value.detail


def test_headers_alike_to_the_last_byte_are_told_apart_by_their_values():
    header = meta("scan.raw")
    folder = {"1/scan.mhd": header, "1/scan.raw": VALUES, "2/scan.mhd": header, "2/scan.raw": b"2"}

    first, second = (read_whole(f"{n}/scan.mhd", lying_in(folder)) for n in (1, 2))

    assert first != second


@pytest.mark.parametrize(
    "place", ["", "LOCAL", "LIST", "../x.raw", "/etc/passwd", "C:\\x.raw", "x%03d.raw", "..", "a/x"]
)
def test_values_that_do_not_lie_beside_their_header_are_not_looked_for(place):
    assert values_of("a/scan.mhd", meta(place)) == ""


def test_a_header_without_its_values_says_so():
    for files in ({"scan.mhd": meta("scan.raw")}, {"a.raw": VALUES, "b.mhd": meta("a.raw")}):
        header = [content() for member, content in opened(zipped(files)) if "mhd" in member.name]

        with pytest.raises(Reject) as caught:
            read(header[0])

        assert Reason.NO_PIXELS is caught.value.reason


def test_values_are_no_scans_of_their_own():
    names = ["a/x.mhd", "a/x.raw", "b/x.raw", "a/y.raw", "c.nhdr", "c.raw.gz", "c.png"]
    names += ["d.hdr", "d.img", "e.img"]

    values = {"a/x.raw": "a/x.mhd", "c.raw.gz": "c.nhdr", "d.img": "d.hdr"}
    assert beside_headers(names) == values

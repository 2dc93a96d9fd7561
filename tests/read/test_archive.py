"""Archives: their members, and everything that is unsafe about archives."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from dataclasses import replace

import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.archive import Limits, Member, is_archive, members, opened

FILES = {"a/one.dcm": b"first" * 100, "two.png": b"second", "empty": b""}
LIMITS = Limits()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def contents(data: bytes, limits: Limits = LIMITS) -> list[bytes]:
    return [content() for _, content in opened(data, limits)]


def unsafe(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(Reject) as caught:
        contents(data, limits)
    assert Reason.UNSAFE_ARCHIVE is caught.value.reason
    return caught.value.detail


@pytest.mark.parametrize(
    "data",
    [zipped(FILES), *(tarred(FILES, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz"))],
    ids=["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"],
)
def test_members_come_in_order_with_their_bytes(data):
    found = list(members(data))

    assert is_archive(data)
    assert list(FILES) == [member.name for member in found]
    assert list(FILES.values()) == contents(data)


def test_an_archive_in_an_archive_is_opened():
    data = zipped({"outer.txt": b"o", "inner.zip": zipped(FILES)})

    found = list(members(data))

    assert Member(1, "inner.zip!a/one.dcm", 500) == found[1]
    assert contents(data)[2] == b"second"


def test_a_gzipped_file_is_an_archive_of_one():
    data = gzip.compress(b"a scan" * 1000)

    assert contents(data) == [b"a scan" * 1000]


def test_what_the_desktop_left_behind_is_passed_over():
    found = members(zipped({"__MACOSX/._a.dcm": b"x", "a/.DS_Store": b"x", "a.dcm": b"y"}))

    assert [member.name for member in found] == ["a.dcm"]


@pytest.mark.parametrize(
    "name", ["../evil.dcm", "a/../../evil.dcm", "/etc/evil", "C:/evil", "..\\evil.dcm"]
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_name_that_leads_outside_is_refused(name, make):
    assert "outside" in unsafe(make({name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(kind):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("a.dcm")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)

    assert "link" in unsafe(stream.getvalue())


def test_a_symbolic_link_in_a_zip_is_refused():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("a.dcm")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    assert "link" in unsafe(stream.getvalue())


@pytest.mark.parametrize("make", [zipped, lambda files: tarred(files, "w:gz")])
def test_a_bomb_is_refused(make):
    assert "times" in unsafe(make({"zeros": bytes(40 << 20)}))


def test_a_gzip_bomb_is_refused_while_it_unfolds():
    assert "times" in unsafe(gzip.compress(bytes(64 << 20)))


def test_a_zip_that_lies_about_its_sizes_is_refused():
    data = bytearray(zipped({"zeros": bytes(40 << 20)}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = (1000).to_bytes(4, "little")

    assert unsafe(bytes(data))


def test_too_many_members_are_refused():
    data = zipped({f"{i}.dcm": b"" for i in range(20)})

    assert "members" in unsafe(data, replace(LIMITS, members=10))


def test_too_much_in_all_is_refused():
    data = zipped({f"{i}.dcm": os.urandom(1000) for i in range(20)})

    assert "accepted" in unsafe(data, replace(LIMITS, total_bytes=10_000))


def test_archives_nested_without_end_are_refused():
    data = zipped({"a.dcm": b"x"})
    for _ in range(10):
        data = zipped({"next.zip": data})

    assert "nested" in unsafe(data)


def test_an_encrypted_archive_is_refused():
    data = bytearray(zipped({"a.dcm": b"x" * 50}))
    data[6] |= 1
    place = data.rindex(b"PK\x01\x02")
    data[place + 8] |= 1

    assert "encrypted" in unsafe(bytes(data))


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("make", [zipped, lambda files: tarred(files, "w:gz")])
def test_a_damaged_archive_is_refused(cut, make):
    data = make({f"{i}.dcm": os.urandom(500) for i in range(20)})

    assert unsafe(data[: int(len(data) * cut)])


def test_a_reason_holds_no_name():
    detail = unsafe(zipped({"../Zimmermann_Ada.dcm": b"x"}))

    assert "Zimmermann" not in detail


def test_a_workbook_is_no_archive():
    assert not is_archive(zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}))


def test_pictures_are_no_archives():
    assert not is_archive(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert not is_archive(gzip.compress(bytes(344) + b"n+1\0" + bytes(300)))

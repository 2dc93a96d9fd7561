"""Archives: their members, and everything that is unsafe about archives."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import zipfile
from dataclasses import replace

import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.ingest.identify import identify
from echoatlas.pipeline.ingest.listing import ListedFile
from echoatlas.pipeline.read.archive import Member, is_archive, members, opened
from echoatlas.pipeline.read.bounds import Limits
from echoatlas.pipeline.vault.pseudonyms import SiteKey

FILES = {"a/one.dcm": b"first" * 100, "two.png": b"second", "empty": b""}
LIMITS = Limits()
SMALL = Limits(free_bytes=1 << 20)


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


LITTER = ["__MACOSX/._a.dcm", "a/.DS_Store", "._a.dcm", "a/._b", "Desktop.ini", "Thumbs.db",
          "a/__MACOSX/b.dcm", "@eaDir/a.dcm/SYNOPHOTO_THUMB_M.jpg"]  # fmt: skip


@pytest.mark.parametrize("name", LITTER)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_what_the_desktop_left_behind_is_passed_over(name, make):
    found = members(make({name: b"x", "a.dcm": b"y"}))

    assert [member.name for member in found] == ["a.dcm"]


def test_litter_of_new_kinds_keeps_the_numbers_of_members_that_lakes_know():
    found = members(zipped({"__MACOSX/._a": b"x", "._a": b"x", "desktop.ini": b"", "a.dcm": b"y"}))

    assert [(member.index, member.name) for member in found] == [(2, "a.dcm")]


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
    assert "times" in unsafe(make({"zeros": bytes(8 << 20)}), SMALL)


def test_a_gzip_bomb_is_refused_while_it_unfolds():
    assert "times" in unsafe(gzip.compress(bytes(8 << 20)), SMALL)


def test_a_bomb_of_many_members_or_of_archives_within_it_is_refused():
    many = zipped({f"{n}": bytes(1 << 18) for n in range(8)})
    nested = zipped({f"{n}.zip": zipped({"zeros": bytes(1 << 18)}) for n in range(8)})

    assert "times" in unsafe(many, SMALL)
    assert "times" in unsafe(nested, SMALL)


@pytest.mark.parametrize("make", [zipped, lambda files: tarred(files, "w:gz"), tarred])
def test_a_label_map_that_packs_well_is_no_bomb(make):
    """A segmentation of 40 MB is a thousandth of it when packed."""
    labels = bytes(40 << 20)

    assert [labels, b"scan"] == contents(make({"labels.nrrd": labels, "scan.dcm": b"scan"}))


def walked(data: bytes, limits: Limits = LIMITS) -> dict[str, bytes | str]:
    """Each member's bytes, or why there are none."""
    found: dict[str, bytes | str] = {}
    for member, content in opened(data, limits):
        try:
            found[member.name] = content()
        except Reject as problem:
            found[member.name] = problem.detail
    return found


def with_method(data: bytes, method: int) -> bytes:
    """A zip of one stored member that says that it is packed by another method."""
    changed = bytearray(data)
    changed[8:10] = method.to_bytes(2, "little")
    place = changed.rindex(b"PK\x01\x02")
    changed[place + 10 : place + 12] = method.to_bytes(2, "little")
    return bytes(changed)


def test_a_member_packed_by_what_is_not_read_is_told_by_its_name():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("large.dcm", b"x" * 50)

    with pytest.raises(Reject) as caught:
        contents(with_method(stream.getvalue(), 9))

    assert Reason.UNSUPPORTED_FORMAT is caught.value.reason
    assert "Deflate64" in caught.value.detail


def test_a_colon_in_a_name_is_no_drive():
    assert walked(zipped({"a:b.png": b"x"})) == {"a:b.png": b"x"}


BAD = {
    "name": {"../a.dcm": b"x"},
    "size": {"zeros": bytes(3 << 20)},
    "archive": {"inner.zip": zipped(FILES)[:200]},
    "depth": {"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"4.zip": zipped(FILES)})})})},
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("make", [zipped, tarred, lambda files: tarred(files, "w:gz")])
def test_a_bad_member_costs_the_others_nothing(kind, make):
    data = make({"before.dcm": b"b", **BAD[kind], "after.dcm": b"a"})

    found = walked(data, replace(LIMITS, member_bytes=2 << 20))

    assert found.pop("before.dcm") == b"b"
    assert found.pop("after.dcm") == b"a"
    assert len(found) == 1 and all(isinstance(one, str) for one in found.values())


def test_one_encrypted_member_costs_the_others_nothing():
    data = bytearray(zipped({"a.dcm": b"x" * 50, "b.dcm": b"y"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1

    assert walked(bytes(data)) == {"a.dcm": "the archive is encrypted", "b.dcm": b"y"}


def linked(mode: str, *links: tuple[str, str, bytes]) -> bytes:
    """A tar of two files and links: name, target, type."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in {"one.dcm": b"first" * 300, "two.dcm": b"second"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target, kind in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_hard_link_is_the_bytes_of_its_target(mode):
    hard = tarfile.LNKTYPE
    data = linked(
        mode, ("b.dcm", "two.dcm", hard), ("a.dcm", "one.dcm", hard), ("c.dcm", "b.dcm", hard)
    )

    found = walked(data)

    assert [found["one.dcm"], found["two.dcm"]] == [b"first" * 300, b"second"]
    assert [found[f"{n}.dcm"] for n in "abc"] == [b"first" * 300, b"second", b"second"]


def test_links_to_links_without_end_do_not_unpack_for_ever():
    data = linked("w:gz", *((f"{n}.dcm", "one.dcm", tarfile.LNKTYPE) for n in range(2000)))

    assert "times" in unsafe(data, replace(LIMITS, free_bytes=1 << 20, ratio=2))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE])
def test_other_links_cost_the_others_nothing(kind):
    found = walked(linked("w", ("a.dcm", "/etc/passwd", kind)))

    assert [found.pop("one.dcm"), found.pop("two.dcm")] == [b"first" * 300, b"second"]
    assert "link" in str(found["a.dcm"])


def test_a_member_that_cannot_be_read_is_one_object_of_its_archive():
    data = zipped({"a.dcm": b"a", "../b.dcm": b"b", "notes.csv": b"c", "d.csv": b"d"})
    arrival = ListedFile("upload.zip", len(data), "u", "place")
    key = SiteKey.of("st-elsewhere", random.Random(7).randbytes(32))

    def passed_over(name, content):
        return name.endswith(".csv") and content() == b"c"

    found = list(identify("st-elsewhere", arrival, data, key, passed_over))
    alone = list(identify("st-elsewhere", arrival, b"d", key))

    assert [one.member for one in found] == [0, 1, 3]
    assert len({one.object_id for one in found}) == 3
    assert found[2].object_id == alone[0].object_id  # looking at it did not use it up


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

"""A batch's objects are read in order, each upload once, whatever is wrong with one of them."""

from __future__ import annotations

import io
import zipfile
from collections import Counter

import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.ingest.reader import Reader
from echoatlas.pipeline.sidecars.site import MOST_BYTES

SCANS = {f"series/{number}.dcm": b"scan %d" % number * 50 for number in range(20)}


class Bucket:
    """Uploads by key, and how often each was asked for."""

    def __init__(self, **uploads: bytes) -> None:
        self.uploads, self.asked = uploads, Counter[str]()

    def read(self, key: str) -> bytes:
        self.asked[key] += 1
        if key not in self.uploads:
            raise FileNotFoundError(key)
        return self.uploads[key]


def zipped(files: dict[str, bytes], damaged: str = "") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    data = stream.getvalue()
    return data.replace(files[damaged], b"X" * len(files[damaged])) if damaged else data


def test_an_archive_is_fetched_and_walked_once_for_all_its_members_in_a_batch():
    bucket = Bucket(upload=zipped(SCANS))
    reader = Reader(bucket.read)

    found = [reader.content("upload", member, 0) for member in range(3, 20)]

    assert list(SCANS.values())[3:] == [data for data, _ in found]
    assert list(SCANS)[3:] == [name for _, name in found]
    assert Counter(upload=1) == bucket.asked


def test_a_damaged_member_costs_the_others_nothing():
    bucket = Bucket(upload=zipped(SCANS, damaged="series/4.dcm"))
    reader = Reader(bucket.read)

    with pytest.raises(Reject) as caught:
        [reader.content("upload", member, 0) for member in range(20)]
    after = reader.content("upload", 5, 0)

    assert Reason.UNSAFE_ARCHIVE is caught.value.reason
    assert (SCANS["series/5.dcm"], "series/5.dcm") == after


def test_a_member_that_is_gone_is_refused_and_the_next_is_found():
    bucket = Bucket(upload=zipped(SCANS))
    reader = Reader(bucket.read)

    with pytest.raises(Reject) as caught:
        reader.content("upload", 99, 0)

    assert Reason.UNSAFE_ARCHIVE is caught.value.reason
    assert SCANS["series/0.dcm"] == reader.content("upload", 0, 0)[0]


def test_files_between_archives_are_read_as_they_are():
    bucket = Bucket(one=zipped(SCANS), loose=b"a still", two=zipped(SCANS))
    reader = Reader(bucket.read)

    found = [
        reader.content(key, member, 0)[0]
        for key, member in (("one", 0), ("one", 2), ("loose", -1), ("two", 1), ("two", 2))
    ]

    first, second, third = list(SCANS.values())[:3]
    assert [first, third, b"a still", second, third] == found


@pytest.mark.parametrize(
    ("key", "size", "reason"),
    [("gone", 7, Reason.VANISHED), ("loose", MOST_BYTES + 1, Reason.TOO_LARGE)],
)
def test_what_can_t_be_read_has_a_reason(key, size, reason):
    with pytest.raises(Reject) as caught:
        Reader(Bucket(loose=b"a still").read).content(key, -1, size)

    assert reason is caught.value.reason

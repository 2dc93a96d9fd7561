"""Members of a shard are where ``tarfile`` finds them, and are as whoever wrote them left them."""

from __future__ import annotations

import io
import string
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.release.headers import TarMember, header_of, members_in
from echoatlas.pipeline.release.tar import PackedSample, one_shard


def shard(samples: int = 3) -> bytes:
    """A shard as releases have it."""
    made = [
        PackedSample(
            f"{number:032x}",
            (("eaz", b"a" * (511 + number)), ("overlay.png", b"b"), ("patches.bin", b"")),
            ends=True,
        )
        for number in range(samples)
    ]
    return one_shard(made).closed()


def by_tarfile(data: bytes) -> list[TarMember]:
    """The same by the standard library alone."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [
            TarMember(one.name, one.offset, one.offset_data, one.size, bool(one.mtime or one.uname))
            for one in tar
        ]


def others(name: str, **said: int | str) -> bytes:
    """A tar file that somebody else wrote."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.size = 3
        for key, value in said.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(b"abc"))
    return sink.getvalue()


def test_what_was_written_here_is_read_as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    data = shard()
    expected = by_tarfile(data)

    def refused(*args: object, **options: object) -> None:
        raise AssertionError("tarfile was asked")

    monkeypatch.setattr(tarfile, "open", refused)
    assert list(members_in(data)) == expected
    assert len(expected) == 6
    assert not any(one.owned for one in expected)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.png", {"mtime": 1}),
        ("a.png", {"uname": "who"}),
        ("a" * 150 + ".png", {}),  # a name that needs a header of its own
        ("Jürgen.png", {}),
        ("folder/a.png", {}),
    ],
)
def test_what_others_wrote_is_read_as_tarfile_does(name: str, said: dict[str, int | str]) -> None:
    data = others(name, **said)
    assert list(members_in(data)) == by_tarfile(data)
    assert [one.owned for one in members_in(data)] == [bool(said)]


def test_a_link_or_a_changed_header_is_no_plain_member() -> None:
    data = others("a.png", type=tarfile.SYMTYPE, linkname="elsewhere", size=0)
    assert list(members_in(data)) == by_tarfile(data)
    wrong = bytearray(shard(1))
    wrong[0] = ord("f")  # another name, and the sum of before
    with pytest.raises(tarfile.TarError):
        list(members_in(bytes(wrong)))


def test_what_is_cut_off_is_an_error() -> None:
    data = shard(2)
    with pytest.raises(tarfile.TarError):
        list(members_in(data[:700]))


@given(
    st.text(string.ascii_letters + string.digits + "._-/ ü", min_size=1, max_size=105),
    st.integers(0, 8**11),
)
def test_a_header_is_the_one_that_tarfile_writes(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    try:
        expected = info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:
        with pytest.raises(ValueError, match=r"name is too long|overflow"):
            header_of(name, size)
        return
    assert header_of(name, size) == expected

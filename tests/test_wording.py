"""Numbers and what they count agree."""

from __future__ import annotations

from echoatlas.wording import number_of


def test_one_is_one_and_none_are_several() -> None:
    assert [number_of(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert number_of(1, "file waits", "files wait") == "1 file waits"
    assert number_of(3, "file waits", "files wait") == "3 files wait"

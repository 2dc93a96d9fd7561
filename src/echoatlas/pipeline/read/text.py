"""Bytes of a text that does not say its charset."""

from __future__ import annotations

from itertools import pairwise


def text_of(data: bytes) -> str | None:
    """Bytes as text: by their mark, as UTF-8, else in the Windows or Chinese code page."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _decoded(data, encoding)
    if b"\0" in data[:4096]:
        return None
    for encoding in ("utf-8-sig", "gb18030", "cp1252"):
        text = _decoded(data, encoding)
        if text is not None and (encoding != "gb18030" or _is_chinese(text)):
            return text
    return data.decode("latin-1")


def _is_chinese(text: str) -> bool:
    """Any bytes decode as GB 18030; believe it only if what comes out is common Chinese."""
    foreign = [letter for letter in text if ord(letter) > 127]
    common = sum("\u4e00" <= letter <= "\u9fff" or "\u3000" <= letter <= "\u303f" or
                 "\uff00" <= letter <= "\uffef" for letter in foreign)  # fmt: skip
    pairs = sum(ord(a) > 127 and ord(b) > 127 for a, b in pairwise(text))
    return bool(foreign) and common == len(foreign) and pairs * 2 >= len(foreign)


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None

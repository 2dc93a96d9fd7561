"""Texts in a charset that their header does not name. Trusted zone: nothing of a text is kept.

A header that names none, or Latin-1, gives every byte as the letter of its number, so the bytes can
be had again and read as what they look like, by the rule that tables are read by.
"""

from __future__ import annotations

from echoatlas.pipeline.read.text import text_of
from echoatlas.taxonomy.matching.matcher import anatomy, axes

# Of Chinese, Japanese and Korean scanners that leave it unsaid; each reads nearly any bytes, and
# only one of them says something.
ELSEWHERE = ("gb18030", "cp932", "euc_kr")


def readings(text: str) -> tuple[str, ...]:
    """What a text may say, as it is given first; only that if it is plain, or truly of its charset.

    Args:
        text: as a DICOM header gives it.
    """
    if text.isascii() or any(ord(letter) > 0xFF for letter in text):
        return (text,)
    raw = text.encode("latin-1")
    try:
        return (raw.decode("utf-8"),)
    except UnicodeDecodeError:
        found = [text, text_of(raw) or text]
    for encoding in ELSEWHERE:
        try:
            found.append(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return tuple(dict.fromkeys(found))


def heard(text: str) -> str:
    """The reading of a text in which the vocabulary finds most; the one given, if none has more."""
    possible = readings(text)
    if len(possible) == 1:
        return possible[0]
    return max(possible, key=lambda one: len(anatomy().find(one)) + len(axes().find(one)))

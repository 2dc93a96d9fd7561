"""Names of archives' members as their sender wrote them, where the archive does not say how.

Zip has a flag for UTF-8 and knows the code page of 1981 besides (APPNOTE 6.3.10, 4.4.4 and
appendix D); packers of today write whatever their system speaks.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from zipfile import ZipInfo

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075  # Info-ZIP's extra field, APPNOTE 4.6.9
DOS = "cp437"
# Hangul lies in the first 25 of GB 2312's 72 rows of hanzi: that many characters of Chinese names
# are hardly ever all of them from there.
KOREAN, ENOUGH = range(0xB0, 0xC9), 12


def zip_names(infos: Sequence[ZipInfo]) -> list[str]:
    """The members' names; those without a flag are in one encoding, that of their packer."""
    raw = [_raw(info) for info in infos]
    encoding = told_by(one for one in raw if one is not None)
    return [
        info.filename if one is None else _stated(info, one) or one.decode(encoding, "replace")
        for info, one in zip(infos, raw, strict=True)
    ]


def tar_name(name: str) -> str:
    """A member's name, which tarfile reads as UTF-8 and hands on as surrogates where it is not."""
    if name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name):
        return name
    raw = name.encode("utf-8", "surrogateescape")
    return raw.decode(told_by([raw], "cp1252"), "replace")


def told_by(names: Iterable[bytes], other: str = DOS) -> str:
    """The encoding that names are in, by what all of them can be and what comes out.

    Args:
        other: what they are in if they are in none of the known ones.
    """
    joined = b"\n".join(name for name in names if not name.isascii())
    for encoding, likely in ENCODINGS:
        try:
            text = joined.decode(encoding)
        except UnicodeDecodeError:
            continue
        if likely(text, joined):
            return encoding
    return other


def _raw(info: ZipInfo) -> bytes | None:
    """The bytes of a name that is said to be in the old code page; None if it isn't, or ASCII."""
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return None
    return info.orig_filename.encode(DOS)


def _stated(info: ZipInfo, raw: bytes) -> str:
    """The name in Info-ZIP's extra field, if it belongs to the name in the header."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field = extra[4 : 4 + size]
        same = field[:5] == struct.pack("<BL", 1, zlib.crc32(raw))
        if kind == UNICODE_PATH and same and len(field) > 5:
            return field[5:].decode("utf-8", "replace")
        extra = extra[4 + size :]
    return ""


def _any(text: str, raw: bytes) -> bool:
    return True


def _japanese(text: str, raw: bytes) -> bool:
    """With kana; half-width ones are what other encodings look like."""
    kana = any("\u3040" <= letter <= "\u30ff" for letter in text)
    return kana and _in_runs(text) and not any("\uff61" <= letter <= "\uff9f" for letter in text)


def _korean(text: str, raw: bytes) -> bool:
    leads = [byte for byte in raw if byte > 127][::2]
    hangul = all("\uac00" <= letter <= "\ud7a3" for letter in text if ord(letter) > 127)
    return hangul and len(leads) >= ENOUGH and all(lead in KOREAN for lead in leads)


def _simplified(text: str, raw: bytes) -> bool:
    """Nearly all of it in GB 2312, whose bytes are all high: a letter with an accent is none."""
    foreign = [letter for letter in text if ord(letter) > 127]
    common = sum(bool(letter.encode("gb2312", "ignore")) for letter in foreign)
    return _is_chinese(text) and common >= 0.9 * len(foreign)


def _traditional(text: str, raw: bytes) -> bool:
    return _is_chinese(text) and _in_runs(text)


def _is_chinese(text: str) -> bool:
    return all(
        "\u4e00" <= letter <= "\u9fff" or "\u3000" <= letter <= "\u303f" or
        "\uff00" <= letter <= "\uffef" for letter in text if ord(letter) > 127
    )  # fmt: skip


def _in_runs(text: str) -> bool:
    """Whether letters beyond ASCII mostly stand together, which accents do not."""
    runs = re.findall(r"[^\x00-\x7f]+", text)
    return 2 * sum(len(run) for run in runs if len(run) > 1) >= sum(map(len, runs))


ENCODINGS = (
    ("utf-8", _any),
    ("cp932", _japanese),
    ("cp949", _korean),
    ("gb18030", _simplified),
    ("big5", _traditional),
)

"""What headers and tables say of consent, as one of a few words. Trusted zone.

What is said and not understood is never taken for a yes. Where several things are said, the
strictest holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.read.dicom.values import read_items, read_text
from echoatlas.pipeline.read.headings import BESIDE_LEFT, GONE, LEAVING, LEFT_ALONE, meaning, plain
from echoatlas.schemas.values import Consent

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import Sidecar

JOINED = "\0consent"  # column of a row under which it stands what all its cells of consent say
ORDER = tuple(Consent)
SEQUENCE, TYPE, FLAG = 0x00120083, 0x00120084, 0x00120085  # PS3.3 C.7.2.3
PUBLIC = "PUBLIC_RELEASE"
WORDS: Mapping[Consent, frozenset[str]] = {
    meant: frozenset(words.split())
    for meant, words in {
        Consent.GIVEN: "yes y ja j oui o si s sim da true t 1 10 given granted obtained consented "
        "agreed accepted permitted signed optin optedin consentgiven waived waiver erteilt "
        "vorhanden zugestimmt liegtvor accorde evet да 是 有 同意 已同意 已签 已签署 예 네 동의 "
        "はい あり 有り 同意あり",
        Consent.REFUSED: "no n nein non nao nie false f 0 00 none refused denied declined rejected "
        "notgiven notgranted notobtained notconsented didnotconsent nonconsent noconsent optout "
        "optedout abgelehnt verweigert nichterteilt keine refuse rechazado negado hayir нет 否 无 "
        "不同意 未同意 拒绝 未签 아니오 아니요 미동의 비동의 거부 いいえ なし 同意なし 拒否",
        Consent.WITHDRAWN: "withdrawn withdrew consentwithdrawn revoked retracted rescinded "
        "widerrufen zuruckgezogen retire retirado revocado ritirato отозвано 撤回 已撤回 撤销 철회 "
        "同意撤回",
        Consent.RESTRICTED: "restricted limited partial internal internalonly researchonly "
        "nosharing notforsharing eingeschrankt",
        Consent.UNSAID: "unknown unk na nan null nil missing notasked notapplicable unbekannt "
        "inconnu desconocido sconosciuto неизвестно 未知 不详 不明 미상",
    }.items()
}
SILENT = re.compile(r"[-?.*/_\s]*")
TICKS = "✓✔☑"
DO_NOT_USE = "donotuse"


def strictest(said: Iterable[str]) -> Consent:
    """Of what several sources say; who says nothing contradicts nobody."""
    return min((Consent(one) for one in said), key=ORDER.index, default=Consent.UNSAID)


def meant(cell: str, rule: Sidecar) -> Consent:
    """What a cell in a column of consent says.

    Args:
        rule: what the site's own words mean.
    """
    word = plain(cell)
    for own, meaning_of_it in rule.consent.items():
        if own.strip().casefold() == cell.strip().casefold():
            return Consent.UNSAID if meaning_of_it == "unsaid" else Consent(meaning_of_it)
    if SILENT.fullmatch(cell):
        return Consent.UNSAID
    if cell.strip() in TICKS:
        return Consent.GIVEN
    return next((one for one, words in WORDS.items() if word in words), Consent.UNCLEAR)


def departed(cell: str, rule: Sidecar) -> Consent:
    """What a cell in a column of those who left says: a date is a yes, and a yes is a no."""
    said = meant(cell, rule)
    if said in (Consent.UNSAID, Consent.WITHDRAWN):
        return said
    return Consent.UNSAID if said is Consent.REFUSED else Consent.WITHDRAWN


READERS: Mapping[str, Callable[[str, Sidecar], Consent]] = {"consent": meant, "opt_out": departed}


def speaking(
    headings: Iterable[str], rule: Sidecar
) -> dict[str, Callable[[str, Sidecar], Consent]]:
    """The columns that speak of consent, and how the cells of each are read."""
    means = {heading: meaning(heading, rule) for heading in headings}
    return {heading: READERS[one] for heading, one in means.items() if one in READERS}


def row_consent(row: Mapping[str, str], rule: Sidecar) -> Consent:
    """What a row says, in whatever columns, and what rows did that were joined to it."""
    readers = speaking(row, rule)
    said = [read(row[heading], rule) for heading, read in readers.items()]
    return strictest([row.get(JOINED, ""), *said])


def joined_rows(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Rows of one file as one: of a column what the first says of it, of consent the strictest."""
    found: dict[str, str] = {}
    said: list[str] = []
    for row in rows:
        said.append(row.get(JOINED, ""))
        found |= {column: text for column, text in row.items() if not found.get(column)}
    if any(said):
        found[JOINED] = strictest(said)
    return found


def told_by_name(key: str, rule: Sidecar) -> str:
    """What it means to be in a table of this name, as the site's file says or the name itself does:
    a word of ``Consent``, ``ignore``, or "" if nothing.
    """
    name = base_name(key)
    told = next((says for glob, says in rule.lists.items() if fnmatch(name, glob.lower())), "")
    return told or (Consent.WITHDRAWN.value if speaks_of_leaving(name) else "")


def told_of_patients(key: str, rule: Sidecar) -> str:
    """The same of a table that names patients and no files: more names say that somebody left."""
    told = told_by_name(key, rule)
    words = re.findall(r"[^\W\d_]+", base_name(key).rpartition(".")[0])
    plainly = [plain(one) for one in words]
    alone = LEFT_ALONE in plainly and all(map(BESIDE_LEFT.fullmatch, plainly))
    gone = alone or DO_NOT_USE in "".join(plainly) or any(map(GONE.fullmatch, plainly))
    return told or (Consent.WITHDRAWN.value if gone else "")


def base_name(key: str) -> str:
    """The last part of a file's name, or of a member's of an archive, in lower case."""
    return key.replace("!", "/").rpartition("/")[2].lower()


def speaks_of_leaving(text: str) -> bool:
    """Whether the name of a file or sheet, a title or a heading says that somebody left."""
    return bool(LEAVING.search(plain(text)))


def header_consent(header: Any) -> Consent:
    """What a DICOM header says of consent for use in clinical trials (PS3.3 C.7.2.3).

    Each item permits or refuses one kind of distribution. What permits some of them and not the
    release to the public is restricted; so is what refuses that alone.

    Args:
        header: pydicom Dataset, or None for a loose file.
    """
    items = read_items(header, SEQUENCE) if header is not None else []
    said = [(read_text(one, FLAG).upper(), read_text(one, TYPE).upper()) for one in items]
    given = {kind for flag, kind in said if flag == "YES"}
    told = [Consent.UNCLEAR for flag, _ in said if flag not in ("YES", "NO", "WITHDRAWN")]
    for flag, kind in said:
        if flag in ("NO", "WITHDRAWN"):
            elsewhere = kind == PUBLIC and given - {PUBLIC}
            refused = Consent.REFUSED if flag == "NO" else Consent.WITHDRAWN
            told.append(Consent.RESTRICTED if elsewhere else refused)
    if given:
        told.append(Consent.GIVEN if PUBLIC in given else Consent.RESTRICTED)
    return strictest(told)

"""The independent checker: PS3.15's own tables, held against every output.

It knows nothing of the allow-list or of value rules. It asks of each attribute of the output
whether the standard lets it stand, and whether anything that identified the input is still there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence

from echoatlas.pipeline.deidentify.header.ps315 import concept, profile
from echoatlas.pipeline.deidentify.header.rules import digits_in, significant
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.dicom.values import DAMAGE, read_text, read_texts
from echoatlas.pipeline.vault.pseudonyms import is_standard
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.policy import Option, Policy

DEEPEST = 64
CONCEPT_NAME = 0x0040A043
LONG_ENOUGH = 6  # shorter values occur by chance in any text
# Constants that stand in for anyone's value, and so may equal an input's.
NOBODY = frozenset({"", "unknown", "UNVERIFIED", "19000101", "000000", "ANONYMIZED"})
# Values that come from a closed vocabulary and so may equal what identifies somewhere else:
# CS terms, code values and meanings, maker and model, and cleaned descriptions.
CLOSED = frozenset(
    {0x00080100, 0x00080102, 0x00080104, 0x00080070, 0x00081090, 0x00120063}
    | {0x00082120, 0x00082127}  # StageName and ViewName, which the table does not list
)
NUMERIC = frozenset({"DS", "IS", "FD", "FL", "SL", "UL"})  # that have room for so long a number
UID = re.compile(r"\d+(\.\d+){3,}")
TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "UI"})


@dataclass(frozen=True, slots=True)
class Finding:
    """An attribute of the output that should not be as it is. Holds no value.

    Attributes:
        place: tags from the root down, such as "00081140.00081155".
        action: what the table demands.
        why: a code: "kept", "unchanged", "identity" or "concept".
    """

    place: str
    action: str
    why: str


def leaks(before: Any, after: Any, policy: Policy) -> list[Finding]:
    """Hold an output against its input and the standard's tables.

    Args:
        before, after: pydicom Datasets; neither is changed.

    Returns:
        What must not be: an attribute whose action is X, U, Z or D and that stands unchanged, a
        private attribute kept, a content item whose concept Table E.3.4-1 removes, and any value
        that identified the input.

    Raises:
        Reject: ``too_deep``.
    """
    options = policy.options
    secrets: set[str] = set()
    same_tag: dict[int, set[str]] = {}
    for _, element in walk(before, judged_only=True):
        row = profile(int(element.tag))
        if row is None:
            continue
        texts = _texts(element)
        same_tag.setdefault(int(element.tag), set()).update(texts)
        if row.action(options) not in ("K", "C"):
            secrets.update(text for text in texts if not is_standard(text))
    secrets -= NOBODY
    numbers = {told for one in secrets if not UID.fullmatch(one) for told in digits_in(one)}
    written = [(place, element, _texts(element)) for place, element in walk(after)]
    long = _spoken(secrets, [text for _, _, texts in written for text in texts])
    found = []
    for place, element, texts in written:
        tag = int(element.tag)
        row = profile(tag)
        action = row.action(options) if row else ""
        stays = {text for text in texts if text in same_tag.get(tag, ())} - NOBODY
        unchanged = any(not is_standard(text) for text in stays)
        judged = action not in ("", "K") and (action != "C" or element.VR in ("DA", "DT"))
        if tag >> 16 & 1 and "retain_safe_private" not in options:
            found.append(Finding(place, "X", "kept"))
        elif tag == CONCEPT_NAME and (fate := _fate(element, options)):
            found.append(Finding(place, fate, "concept"))
        elif unchanged and judged:
            found.append(Finding(place, action, "unchanged"))
        elif (
            action not in ("K", "C") and _is_open(tag, element.VR) and _speak(texts, secrets, long)
        ) or (numbers and element.VR in NUMERIC and _counts(texts, numbers)):
            found.append(Finding(place, action, "identity"))
    return found


def _counts(texts: list[str], numbers: set[str]) -> bool:
    for text in texts:
        try:
            if len(text) >= LONG_ENOUGH and significant(float(text)) in numbers:
                return True
        except ValueError:
            continue
    return False


def _fate(names: Any, options: frozenset[Option]) -> str:
    """What Table E.3.4-1 demands of a content item that stands, if it may not."""
    for name in names.value if isinstance(names.value, Sequence) else []:
        for row in concept(read_text(name, 0x00080102), read_text(name, 0x00080100)):
            if (action := row.action(options)) not in ("K", "C"):
                return action
    return ""


def _spoken(secrets: set[str], texts: list[str]) -> list[str]:
    """The secrets, folded, that occur inside any text at all: nearly always none."""
    everything = "\0".join(texts).casefold()
    folded = (secret.casefold() for secret in secrets if len(secret) >= LONG_ENOUGH)
    return [secret for secret in folded if secret in everything]


def demand_clean(before: Any, after: Any, policy: Policy) -> None:
    """Reject an output that the checker finds fault with.

    Raises:
        Reject: ``not_clean``, with tags and codes.
    """
    if found := leaks(before, after, policy):
        told = ", ".join(f"{finding.place} {finding.why}" for finding in found[:5])
        raise Reject(Reason.NOT_CLEAN, f"{number_of(len(found), 'attribute')} not cleaned: {told}.")


def walk(dataset: Any, *, judged_only: bool = False) -> Iterator[tuple[str, Any]]:
    """Each element that can be decoded, with its place, at every depth; no recursion.

    Args:
        judged_only: decode those of Table E.1-1 and sequences only.

    Raises:
        Reject: ``too_deep``.
    """
    stack = [("", dataset, 0)]
    while stack:
        prefix, current, depth = stack.pop()
        if depth > DEEPEST:
            raise Reject(Reason.TOO_DEEP, f"Sequences are nested more than {DEEPEST} deep.")
        for tag, stored in list(current.items()):
            element = stored
            if isinstance(stored, RawDataElement):
                if judged_only and _is_idle(int(tag), stored.VR):
                    continue
                try:
                    element = current[tag]
                except DAMAGE:
                    continue
            place = f"{prefix}{int(tag):08X}"
            yield place, element
            if isinstance(element.value, Sequence):
                stack += [(f"{place}.", item, depth + 1) for item in element.value]


def _is_idle(tag: int, vr: str | None) -> bool:
    """Whether nothing is asked of an element: decoding is the dear part."""
    nests = vr is None or vr in ("SQ", "UN")
    return not nests and profile(tag) is None


def _texts(element: Any) -> list[str]:
    if isinstance(element.value, Sequence):
        return []
    try:
        return [text for text in read_texts(element.value) if text]
    except DAMAGE:
        return []


def _is_open(tag: int, vr: str) -> bool:
    return vr in TEXT and tag not in CLOSED


def _speak(texts: list[str], secrets: set[str], long: list[str]) -> bool:
    for text in texts:
        if text in secrets:
            return True
        folded = text.casefold()
        if any(secret in folded for secret in long):
            return True
    return False

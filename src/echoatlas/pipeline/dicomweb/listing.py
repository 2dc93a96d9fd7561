"""What a service has: studies, series, instances, each list asked to its end.

Services cut lists short and say so in a header, or not at all, give the first page for any offset,
or nothing. So pages are asked for until one brings nothing new, then the whole once more, and what
came is held against the number that the series states.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echoatlas.pipeline.dicomweb.client import Client

UID = re.compile(r"[0-9.]{1,64}")
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
MODALITY, RELATED = "00080060", "00201209"  # Number of Series Related Instances
CREATED = "00080013"  # Instance Creation Time
# What services say of an instance without opening it, and what is other where it was made anew:
# class, date and time of creation, frames, rows, columns, bits, burned-in annotation
SAID = ("00080016", "00080012", CREATED, "00280008", "00280010", "00280011", "00280100", "00280301")
MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Series:
    """A series, the instances of it that are listed, and how many it says that there are.

    Attributes:
        instances: UID to a digest of what is said of it; "" where nothing is.
        stated: -1 where it does not say.
    """

    study: str
    series: str
    instances: Mapping[str, str]
    stated: int

    @property
    def missing(self) -> int:
        """How many it has more than it lists."""
        return max(self.stated - len(self.instances), 0)


def all_series(client: Client) -> Iterator[Series]:
    """Every series of the modalities that are asked for.

    Raises:
        UsageError, Retry: as ``Client.query``.
    """
    asked = client.options
    since = {"StudyDate": f"{asked.since}-"} if asked.since else {}
    studies = {
        uid: None
        for modality in asked.modalities
        for uid in _pages(client, "studies", {"ModalitiesInStudy": modality, **since}, STUDY)
    }
    for study in sorted(studies):
        place = f"studies/{study}/series"
        for modality in asked.modalities:
            fields = {"Modality": modality, "includefield": RELATED}
            found = _pages(client, place, fields, SERIES)
            for series, answer in sorted(found.items()):
                # Some services take no notice of what they are asked to match
                if _text(answer, MODALITY) in ("", modality):
                    stated = _number(answer, RELATED)
                    fields = {"includefield": CREATED}
                    listed = _pages(client, f"{place}/{series}/instances", fields, INSTANCE, stated)
                    told = {uid: state_of(listed[uid]) for uid in sorted(listed)}
                    yield Series(study, series, told, stated)


def state_of(answer: Mapping[str, Any]) -> str:
    """A digest of what is said of an instance, which is another where it was exchanged for one of
    another time or size; "" where nothing is said."""
    said = [f"{tag}={text}" for tag in SAID if (text := _text(answer, tag))]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32] if said else ""


def _pages(
    client: Client, path: str, fields: Mapping[str, str], uid: str, enough: int = -1
) -> dict[str, dict[str, Any]]:
    """All answers to a query by UID.

    Args:
        enough: how many there are, where that is known.
    """
    found: dict[str, dict[str, Any]] = {}
    offset, full = 0, False
    for _ in range(MOST_PAGES):
        page = {"limit": str(client.options.page), "offset": str(offset)}
        answers = client.query(path, {**fields, **page})
        offset += len(answers)
        full = full or len(answers) >= client.options.page
        if not _taken(found, answers, uid) or len(found) == enough:
            break
    if full and len(found) != enough:
        # Orthanc 1.10.1 gives nothing for any offset where it has to look for modalities
        _taken(found, client.query(path, fields), uid)
    return found


def _taken(found: dict[str, dict[str, Any]], answers: Iterable[dict[str, Any]], uid: str) -> bool:
    """Whether there was anything new among answers."""
    before = len(found)
    for answer in answers:
        value = _text(answer, uid)
        if UID.fullmatch(value):  # it becomes part of a path
            found.setdefault(value, answer)
    return len(found) > before


def _text(answer: Mapping[str, Any], tag: str) -> str:
    element = answer.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    first = values[0] if isinstance(values, list) and values else ""
    return first.strip("\0 ") if isinstance(first, str) else str(first)


def _number(answer: Mapping[str, Any], tag: str) -> int:
    text = _text(answer, tag)
    return int(text) if text.isdigit() else -1

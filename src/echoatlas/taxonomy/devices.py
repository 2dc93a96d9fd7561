"""Makers and models of scanners as a closed vocabulary: what is not listed is ``unknown``.

Headers carry serial numbers, host names and even people in ManufacturerModelName. Only entries of
``vocabulary/devices.yaml`` leave the trusted zone, whatever the header says.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from echoatlas.schemas.packaged import packaged

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Devices:
    """The vocabulary, ready for look-up.

    Attributes:
        makers: folded alias to maker.
        maker_heads: (folded beginning, maker), longest first.
        models: maker to {folded alias: model}.
        model_heads: maker to ((folded beginning, model), ...), longest first.
    """

    makers: dict[str, str]
    maker_heads: tuple[tuple[str, str], ...]
    models: dict[str, dict[str, str]]
    model_heads: dict[str, tuple[tuple[str, str], ...]]


def device(manufacturer: str | None, model: str | None) -> tuple[str, str]:
    """Map a header's Manufacturer and ManufacturerModelName onto the vocabulary.

    Args:
        manufacturer: (0008,0070) as sent; may be empty, or name a PACS.
        model: (0008,1090) as sent; may repeat the maker, or carry a serial number after the name.

    Returns:
        (maker, model), each an entry of the vocabulary or "unknown". A model is looked up within
        its maker; if the maker says nothing, a model that only one maker has names its maker.
    """
    known = devices()
    maker = _maker(manufacturer, known)
    if maker != UNKNOWN:
        return maker, _model(model, maker, known)
    owners = {
        (owner, found)
        for owner in known.models
        if len(_fold(model)) > 3 and (found := _model(model, owner, known)) != UNKNOWN
    }
    # A maker that is not listed keeps its models to itself: "ACME LOGIQ 9" is no GE.
    if not _fold(manufacturer) and len(owners) == 1:
        return owners.pop()
    return UNKNOWN, UNKNOWN


def named_device(maker: str, model: str) -> str:
    """Both as one text; one word where they are the same, as both unknown."""
    return " ".join(dict.fromkeys((maker, model)))


def makers() -> tuple[str, ...]:
    """All makers of the vocabulary, in order of the file."""
    return tuple(devices().models)


def models(maker: str) -> tuple[str, ...]:
    """All models of a maker, in order of the file."""
    return tuple(dict.fromkeys(devices().models[maker].values()))


def _maker(text: str | None, known: Devices) -> str:
    folded = _fold(text)
    if folded in known.makers:
        return known.makers[folded]
    return next((maker for head, maker in known.maker_heads if folded.startswith(head)), UNKNOWN)


def _model(text: str | None, maker: str, known: Devices) -> str:
    names = known.models[maker]
    for spelled in _spellings(text, maker):
        if spelled in names:
            return names[spelled]
    for spelled in _spellings(text, maker):
        for head, model in known.model_heads[maker]:
            if spelled.startswith(head):
                return model
    return UNKNOWN


def _spellings(text: str | None, maker: str) -> list[str]:
    """The name as it stands, without its maker, and without trailing words (serial, version)."""
    words = re.split(r"[\s,;:/_]+", (text or "").strip())
    whole = [_fold("".join(words[:count])) for count in range(len(words), 0, -1)]
    brand = _fold(maker)
    bare = [name.removeprefix(brand) for name in whole if name.startswith(brand)]
    return [name for name in (*whole, *bare) if name]


def _fold(text: str | None) -> str:
    """Lower case, ASCII letters and digits only ("iQ+" keeps its plus as a word)."""
    plain = unicodedata.normalize("NFKD", (text or "").replace("+", "plus")).lower()
    return re.sub(r"[^a-z0-9]", "", plain)


@cache
def devices() -> Devices:
    """The vocabulary of ``vocabulary/devices.yaml``."""
    found = Devices({}, (), {}, {})
    maker_heads: list[tuple[str, str]] = []
    model_heads: dict[str, tuple[tuple[str, str], ...]] = {}
    for entry in packaged("echoatlas.taxonomy", "vocabulary/devices.yaml")["makers"]:
        maker = entry["maker"]
        for alias in (maker, *entry["aliases"]):
            _enter(alias, maker, found.makers, maker_heads)
        names: dict[str, str] = {}
        heads: list[tuple[str, str]] = []
        for model, aliases in (_entry(item) for item in entry["models"]):
            for alias in (model, *aliases):
                _enter(alias, model, names, heads)
        found.models[maker] = names
        model_heads[maker] = _longest_first(heads)
    return Devices(found.makers, _longest_first(maker_heads), found.models, model_heads)


def _entry(item: Any) -> tuple[str, list[str]]:
    """A model stands alone, or as the key of its aliases."""
    if isinstance(item, dict):
        (model, aliases), *_ = item.items()
        return str(model), [str(alias) for alias in aliases]
    return str(item), []


def _enter(alias: str, name: str, exact: dict[str, str], heads: list[tuple[str, str]]) -> None:
    folded = _fold(alias)
    if alias.endswith("~"):
        heads.append((folded, name))
    exact.setdefault(folded, name)


def _longest_first(heads: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(heads, key=lambda pair: (-len(pair[0]), pair[0])))

"""What each setting is, read off the models themselves: key, type, default, range, meaning."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from echoatlas.pipeline.settings import span

WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}
STEPS: dict[Any, str] = {dict: ".NAME.", tuple: "[]."}  # from a collection into its members
NAMED = re.compile(r"^ {8}(\w[\w, .]*?): (.*)$")  # a line of a docstring's list of attributes


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        key: with dots between levels, as errors name it; ``NAME`` stands for any name.
        kind: of value, in words, with the range.
        default: as YAML; empty if it has to be given, "-" if there is none.
    """

    key: str
    kind: str
    unit: str
    default: str
    meaning: str


def of_model(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    """The settings of a pydantic model and of those in it."""
    for name, one in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = _inner(one.annotation)
        if inner is None:
            extra = one.json_schema_extra
            unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
            yield Setting(key, _kind(one), unit, _default(one), one.description or "")
        else:
            step = STEPS.get(get_origin(one.annotation), ".")
            if one.description:
                kind = _collected(one.annotation)
                yield Setting(key, kind, "", _default(one), one.description)
            yield from of_model(inner, f"{key}{step}")


def of_record(record: Any, prefix: str = "") -> Iterator[Setting]:
    """The settings of a step's configuration and of those in it, with what each means there."""
    if isinstance(record, BaseModel):
        yield from of_model(type(record), prefix)
        return
    meant = meanings(type(record))
    hints = get_type_hints(type(record))
    for one in fields(record):
        value = getattr(record, one.name)
        key = f"{prefix}{one.name}"
        if is_dataclass(value):
            yield from of_record(value, f"{key}.")
        else:
            kind, bounds = _words(hints[one.name]), span(one)
            meaning = meant.get(one.name, "")
            yield Setting(
                key,
                f"{kind}, {bounds}" if bounds else kind,
                one.metadata.get("unit", ""),
                _yaml(value),
                f"{meaning[:1].upper()}{meaning[1:]}",
            )


def meanings(kind: type) -> dict[str, str]:
    """What the attributes of a dataclass are, by its docstring; several may share a line."""
    names = [one.name for one in fields(kind)]
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (kind.__doc__ or "").partition("Attributes:")[2].splitlines():
        match = NAMED.match(line)
        if match:
            current = _listed(match[1], names)
            for name in current:
                found[name] = [match[2]]
        elif line.strip():
            for name in current:
                found[name].append(line.strip())
    return {name: " ".join(parts).replace("``", "`") for name, parts in found.items()}


def _listed(text: str, names: list[str]) -> list[str]:
    """The names in "one, other" or "first .. last"."""
    if ".." in text:
        first, _, last = (part.strip() for part in text.partition(".."))
        return names[names.index(first) : names.index(last) + 1]
    return [part for part in text.split(", ") if part in names]


def _inner(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (found := _inner(part)) is not None:
            return found
    return None


def _collected(annotation: Any) -> str:
    return "sections by name" if get_origin(annotation) is dict else "list of sections"


def _kind(one: FieldInfo) -> str:
    words = _words(one.annotation)
    bounds = {type(limit).__name__: limit for limit in one.metadata}
    low = getattr(bounds.get("Ge"), "ge", None)
    high = getattr(bounds.get("Le"), "le", None)
    if "Gt" in bounds:
        return f"{words}, above {bounds['Gt'].gt:g}"
    if low is None:
        return words
    return f"{words}, {low} to {high}" if high is not None else f"{words}, {low} or more"


def _words(annotation: Any) -> str:
    if annotation in WORDS:
        return WORDS[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (tuple, list):
        return f"list of {_words(parts[0])}"
    if origin in (dict, Mapping) or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        if _words(parts[1]).endswith("by name"):
            return "sections by name"
        return f"{_words(parts[1])} by name" if parts[1] is not Any else "any by name"
    known = [_words(part) for part in parts if part is not NoneType]
    known = [word for word in known if word]
    return f"{known[0]}, or nothing" if NoneType in parts and known else (known or ["text"])[0]


def _default(one: FieldInfo) -> str:
    if one.is_required():
        return ""
    value = one.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else _yaml(value)


def _yaml(value: Any) -> str:
    if value is None or value is MISSING:
        return "-"
    if isinstance(value, BaseModel):
        return "-"
    return json.dumps(value, ensure_ascii=False)

"""From the deployment's ``steps:`` section to each step's own frozen configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from echoatlas.errors import ConfigError
from echoatlas.pipeline.errors import nearest
from echoatlas.schemas.config.wording import explain, worded

Settings = TypeVar("Settings")


def settings(kind: type[Settings], raw: Mapping[str, Any], where: str) -> Settings:
    """Build a step's configuration from plain values, strictly; what is not said is default.

    Raises:
        ConfigError: an unknown key (with the nearest known one, or the name that it has today),
            a value that does not fit, or one out of range.
    """
    if issubclass(kind, BaseModel):
        try:
            return cast("Settings", kind.model_validate(dict(raw)))
        except ValidationError as error:
            raise ConfigError(f"{where}: {explain(kind, error)}") from None
    return _over(kind(), raw, where)


def _over(base: Settings, raw: Mapping[str, Any], where: str) -> Settings:
    """A configuration with some of its values replaced, at any depth."""
    known = {one.name: one for one in fields(base)}  # type: ignore[arg-type]
    hints = get_type_hints(type(base))
    values: dict[str, Any] = {}
    for key, value in raw.items():
        place = f"{where}.{key}"
        if key not in known:
            raise ConfigError(_unknown(str(key), known, where))
        now = getattr(base, key)
        if is_dataclass(now) and isinstance(value, Mapping):
            values[key] = _over(now, value, place)
        else:
            values[key] = _fitting(known[key], hints[key], value, place)
    try:
        return replace(base, **values)  # type: ignore[type-var]
    except ValueError as error:
        raise ConfigError(f"'{where}': {error}") from None


def _unknown(key: str, known: Mapping[str, Field[Any]], where: str) -> str:
    for name, one in known.items():
        if one.metadata.get("was") == key:
            return f"'{where}.{key}' is called '{name}' now"
    listed = ", ".join(sorted(known))
    return f"unknown key '{where}.{key}'{nearest(key, known)} (keys: {listed})"


def _fitting(one: Field[Any], hint: Any, value: Any, place: str) -> Any:
    try:
        fitting = TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"'{place}': {worded(first)}") from None
    low, high = one.metadata.get("low"), one.metadata.get("high")
    for number in fitting if isinstance(fitting, tuple) else (fitting,):
        if not isinstance(number, int | float) or isinstance(number, bool):
            continue
        # Written so that NaN is out of any range
        above = low is None or number >= low
        below = high is None or number <= high
        if not (above and below) or number != number:
            unit = one.metadata.get("unit", "")
            told = f"{span(one)} {unit}".rstrip()
            raise ConfigError(f"'{place}': {number} is out of range ({told})")
    return fitting


def span(one: Field[Any]) -> str:
    """The range of a setting in words: "16 to 4096"; "" for any number."""
    low, high = one.metadata.get("low"), one.metadata.get("high")
    if low is None and high is None:
        return ""
    if high is None:
        return f"{low} or more"
    return f"{low} to {high}" if low is not None else f"{high} or less"


def sections(kind: type[Settings], raw: Mapping[str, Mapping[str, Any]], where: str) -> Settings:
    """Build a record of configurations, one section each; absent sections are defaults."""
    hints = get_type_hints(kind)
    return kind(
        **{name: settings(hints[name], part, f"{where}.{name}") for name, part in raw.items()}
    )


def as_plain(config: object) -> Any:
    """A configuration as JSON's plain values."""
    kind: Any = type(config)  # mypy holds the class of all classes for unhashable
    return json.loads(_adapter(kind).dump_json(config))


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Made once a kind: made for each step of each site, it takes longer than all that looks."""
    return TypeAdapter(kind)

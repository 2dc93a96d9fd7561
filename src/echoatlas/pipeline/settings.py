"""From the deployment's ``steps:`` section to each step's own frozen configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from echoatlas.schemas.config import ConfigError

Settings = TypeVar("Settings")


def settings(kind: type[Settings], raw: Mapping[str, Any], where: str) -> Settings:
    """Build a step's configuration from plain values, strictly.

    Raises:
        ConfigError: an unknown key (with the nearest known one), or a value that does not fit.
    """
    known = _names(kind)
    for key in raw:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ConfigError(
                f"unknown key '{where}.{key}'{hint} (keys: {', '.join(sorted(known))})"
            )
    try:
        return TypeAdapter(kind).validate_python(dict(raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join([where, *(str(part) for part in first["loc"])])
        raise ConfigError(f"'{place}': {first['msg']}") from None


def _names(kind: type) -> list[str]:
    if is_dataclass(kind):
        return [field.name for field in fields(kind)]
    if issubclass(kind, BaseModel):
        return list(kind.model_fields)
    raise TypeError(f"{kind.__name__} is no configuration")


def sections(kind: type[Settings], raw: Mapping[str, Mapping[str, Any]], where: str) -> Settings:
    """Build a record of configurations, one section each; absent sections are defaults."""
    hints = get_type_hints(kind)
    known = {name: hints[name] for name in _names(kind)}
    return kind(
        **{name: settings(known[name], part, f"{where}.{name}") for name, part in raw.items()}
    )


def as_plain(config: object) -> Any:
    """A configuration as JSON's plain values."""
    return json.loads(TypeAdapter(type(config)).dump_json(config))

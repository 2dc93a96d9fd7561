"""Plain data and YAML files as models; what is wrong with them as one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from echoatlas.errors import ConfigError, nearest

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], raw: object, where: str) -> Model:
    """Validate plain data as a model.

    Args:
        where: what the data is, for the message ("sites/st-elsewhere.yaml").

    Raises:
        ConfigError: one line; an unknown key comes with the nearest known one.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: expected keys and values")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(model, error)}") from None


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """The first problem of a validation, as one line."""
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling says more
    first = min(problems, key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        key = str(first["loc"][-1])
        if key in known:
            return f"'{place}' is called '{known[key]}' now"
        current = [name for name, today in known.items() if name == today]
        listed = ", ".join(sorted(current))
        return f"unknown key '{place}'{nearest(key, current)} (keys: {listed})"
    message = re.sub(r"\s+", " ", first["msg"]).removeprefix("Value error, ")
    told = f"{message[0].lower()}{message[1:]}"
    return f"'{place}': {told}" if place else told


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> dict[str, str]:
    """The keys at a place, old and new, to what they are called today.

    Goes into models, and models within lists and mappings.
    """
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    known = {name: name for name in model.model_fields}
    former = {
        field.serialization_alias: name
        for name, field in model.model_fields.items()
        if field.serialization_alias
    }
    return {**former, **known}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def load(model: type[Model], path: Path) -> Model:
    """Read a YAML file into a model.

    Raises:
        ConfigError: the file is missing, not YAML, or says something it may not.
    """
    return parse(model, mapping(path), str(path))


def mapping(path: Path) -> dict[str, Any]:
    """What a YAML file says, as keys and values; nothing if it is empty.

    Raises:
        ConfigError: the file is missing, or is none of that.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    raw = yaml_value(text, str(path))
    if raw is not None and not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys and values")
    return raw or {}


def yaml_value(text: str, where: str) -> Any:
    """YAML as plain data.

    Args:
        where: what the text is, for the message.

    Raises:
        ConfigError: it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{line}: not valid YAML") from None

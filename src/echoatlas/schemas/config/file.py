"""Plain data and YAML files as models; what is wrong with them as one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from echoatlas.errors import ConfigError, unreadable
from echoatlas.schemas.config.wording import explain
from echoatlas.schemas.packaged import yaml_data

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
        raise ConfigError(unreadable(path, error)) from None
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
        return yaml_data(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # a date of month 13 is the last
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{line}: not valid YAML") from None

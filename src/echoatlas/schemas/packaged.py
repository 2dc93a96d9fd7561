"""Plain data out of YAML, and the YAML files that the package brings along."""

from __future__ import annotations

from contextlib import suppress
from importlib.resources import files
from typing import Any

# Characters below which libyaml reads. It takes half a kB of the stack a level, and ends the
# process where that ends; what may be nested deeper is PyYAML's to refuse
SHORT = 1 << 12


def packaged(package: str, name: str) -> Any:
    """The plain data of a YAML file, by the package that it lies in and its path there."""
    import yaml  # trainers import who calls this, and seldom call it

    text = files(package).joinpath(name).read_text("utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def yaml_data(text: str) -> Any:
    """YAML that somebody wrote, as plain data.

    Raises:
        yaml.YAMLError, RecursionError, ValueError: it is not YAML, or too deep, or holds a date or
            a number that is none.
    """
    import yaml

    # libyaml where PyYAML was built with it: ten times as fast, and each command reads all sites
    if len(text) < SHORT and hasattr(yaml, "CSafeLoader"):
        with suppress(yaml.YAMLError):  # PyYAML's own parser says better where
            return yaml.load(text, yaml.CSafeLoader)
    return yaml.load(text, yaml.SafeLoader)

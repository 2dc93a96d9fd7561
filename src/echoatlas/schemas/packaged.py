"""YAML files that the package brings along."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def packaged(package: str, name: str) -> Any:
    """The plain data of a YAML file, by the package that it lies in and its path there."""
    import yaml  # trainers import who calls this, and seldom call it

    # libyaml where PyYAML was built with it: six times as fast, and each worker reads many files
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files(package).joinpath(name).read_text("utf-8"), loader)

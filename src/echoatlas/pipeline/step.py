"""What a step is: a plain function with a name, a version and its own frozen configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Step:
    """Name and version of a step; raise the version when the same input gives other output."""

    name: str
    version: int


def step(name: str, *, version: int) -> Callable[[Function], Function]:
    """Declare a function a step of the pipeline.

    The function stays as it is: it takes records and its own config, yields or returns records,
    or raises ``Reject``. It knows nothing of Ray, Delta, Prefect or other steps.
    """

    def declare(function: Function) -> Function:
        function.step = Step(name, version)  # type: ignore[attr-defined]
        return function

    return declare


def declared(function: Callable[..., Any]) -> Step:
    """The declaration that ``@step`` left on a function."""
    found = getattr(function, "step", None)
    if not isinstance(found, Step):
        raise TypeError(f"{function.__qualname__} is not a step")
    return found


def setting(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    *,
    was: str = "",
    later: bool = False,
) -> Any:
    """A field of a step's configuration, with what is checked of it before anything starts.

    Args:
        low, high: what it may be, both included; of each number where it has several.
        unit: for the reference of settings ("pixels", "gray levels", "share").
        was: the name that it had before. Fingerprints go on knowing it by that name, so that a
            new name makes no lake anew.
        later: it came after lakes were made without it. Fingerprints know it only where it is not
            the default, under which everything is as it was.
    """
    told = {"low": low, "high": high, "unit": unit, "was": was, "later": later}
    return field(default=default, metadata=told)


def renamed(kind: type[Any]) -> dict[str, str]:
    """First names of settings to today's, at all depths of a record of configurations."""
    found: dict[str, str] = {}
    hints = get_type_hints(kind)
    for one in fields(kind):
        if isinstance(hints[one.name], type) and is_dataclass(hints[one.name]):
            found |= renamed(hints[one.name])
        if was := one.metadata.get("was"):
            found[was] = one.name
    return found


def hashed(config: object) -> Any:
    """A configuration as its fingerprint knows it: plain values, under their first names."""
    if is_dataclass(config) and not isinstance(config, type):
        return {
            one.metadata.get("was") or one.name: hashed(getattr(config, one.name))
            for one in fields(config)
            if not one.metadata.get("later") or getattr(config, one.name) != one.default
        }
    if isinstance(config, Mapping):
        return {key: hashed(value) for key, value in config.items()}
    if isinstance(config, tuple | list):
        return [hashed(value) for value in config]
    return config


def fingerprint(steps: Iterable[tuple[Callable[..., Any], object]], upstream: str = "") -> str:
    """What the output of a chain of steps depends on, besides its input.

    Args:
        steps: each with its configuration: a dataclass, or anything that JSON can write.
        upstream: the fingerprint of what comes before.

    Returns:
        16 hex digits: the head of a SHA-256 over names, versions and configurations in order.
    """
    digest = hashlib.sha256(upstream.encode())
    for function, config in steps:
        this = declared(function)
        line = json.dumps([this.name, this.version, hashed(config)], sort_keys=True, default=str)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]

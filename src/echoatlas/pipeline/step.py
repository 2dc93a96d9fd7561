"""What a step is: a plain function with a name, a version and its own frozen configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, TypeVar

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
        plain = asdict(config) if is_dataclass(config) and not isinstance(config, type) else config
        this = declared(function)
        line = json.dumps([this.name, this.version, plain], sort_keys=True, default=str)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]

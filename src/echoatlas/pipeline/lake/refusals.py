"""What the storage below Delta refuses, said as our own storage says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from deltalake.exceptions import DeltaError

Params = ParamSpec("Params")
Answer = TypeVar("Answer")


def translated_errors(method: Callable[Params, Answer]) -> Callable[Params, Answer]:
    """Let a method of the lake say what the storage below Delta refuses as our storage says it."""

    @wraps(method)
    def telling(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
        try:
            return method(*args, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, DeltaError) as error:
            refusal = args[0].storage.refused(error)  # type: ignore[attr-defined]
            if refusal is None:
                raise
            raise refusal from None

    return telling

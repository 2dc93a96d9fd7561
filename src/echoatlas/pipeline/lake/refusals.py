"""What the storage below Delta refuses, said as our own storage says it, and asked for again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from deltalake.exceptions import DeltaError

from echoatlas.pipeline.errors import Exhausted, Retry
from echoatlas.pipeline.retry import retrying

Params = ParamSpec("Params")
Answer = TypeVar("Answer")
AGAIN = 4  # tries of what delta-rs does not try again itself: commits, and answers that break off


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


def persistent(method: Callable[Params, Answer]) -> Callable[Params, Answer]:
    """Have a method of the lake done again while the world is at fault, from the newest state on.

    It has to be one that does nothing where it was done already.
    """

    @wraps(method)
    def done(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
        def once() -> Answer:
            try:
                return method(*args, **kwargs)
            except Retry:
                args[0].forget_handles()  # type: ignore[attr-defined]
                raise

        return retrying(once, AGAIN, Exhausted)

    return done

"""What the storage below Delta refuses, said as our own storage says it, and asked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from deltalake.exceptions import DeltaError

from echoatlas.pipeline.errors import Exhausted, Retry
from echoatlas.pipeline.retry import retrying

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage

Params = ParamSpec("Params")
Answer = TypeVar("Answer")
AGAIN = 4  # tries of what delta-rs does not try again itself: commits, and answers that break off


@contextmanager
def translated(storage: Storage) -> Iterator[None]:
    """Within, what the storage below Delta refuses is said as ``storage`` says it."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, DeltaError) as error:
        refusal = storage.refused(error)
        if refusal is None:
            raise
        raise refusal from None


def translated_errors(method: Callable[Params, Answer]) -> Callable[Params, Answer]:
    """The same in a method of the lake; of a generator, only what is done before it begins."""

    @wraps(method)
    def telling(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
        with translated(args[0].storage):  # type: ignore[attr-defined]
            return method(*args, **kwargs)

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

"""A clip's frames one after the other, with what goes wrong on the way told, never hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.schemas.records import Damage
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def each(
    decode: Callable[[int], Picture],
    frames: int,
    size: tuple[int, int],
    errors: tuple[type[Exception], ...],
    damage: Damage,
    config: ReadConfig,
) -> Iterator[Picture]:
    """Decode frame by frame.

    Args:
        decode: gives the picture of an index.
        size: (height, width) that every picture must have.
        errors: what ``decode`` raises on damaged data.
        damage: told of every frame that is left out.

    Raises:
        Reject: ``unreadable`` at the first damaged frame, or, with ``config.partial``, if there
            is no good one.
    """
    good = 0
    for index in range(frames):
        try:
            picture = decode(index)
            if picture.shape[:2] != size:
                raise Reject(Reason.UNREADABLE, "frames differ in size")
        except errors:
            pass
        except Reject as error:
            if error.reason is not Reason.UNREADABLE:
                raise
        else:
            good += 1
            yield picture
            continue
        if not config.partial:
            raise Reject(Reason.UNREADABLE, f"frame {index + 1} of {frames} cannot be decoded")
        damage.lose(index, "decode_error")
        if len(damage.lost) > config.max_lost:
            raise Reject(
                Reason.UNREADABLE, f"more than {number_of(config.max_lost, 'frame')} damaged"
            )
    if not good:
        raise Reject(Reason.UNREADABLE, f"none of {number_of(frames, 'frame')} can be decoded")


def one(
    decode: Callable[[int], Picture],
    index: int,
    size: tuple[int, int],
    errors: tuple[type[Exception], ...],
) -> Picture | None:
    """The picture of an index, or None if it is damaged: ``each`` tells of that."""
    try:
        picture = decode(index)
    except errors:
        return None
    except Reject as error:
        if error.reason is not Reason.UNREADABLE:
            raise
        return None
    return picture if picture.shape[:2] == size else None

"""A part of a training, and what can be brought into an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.loader.index import Index


class Ordered(Protocol):
    """What can be brought into an order: samples by position, each with its row of the index."""

    @property
    def samples(self) -> Index: ...

    @property
    def rows(self) -> NDArray[np.int32] | None: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a training: which samples, how often each, for how many epochs.

    Attributes:
        epochs: how long it lasts; for ever if None, as the last of them must.
        where: SQL expression over the index's columns; all samples if empty.
        weight: SQL expression over them, from 0: how often a sample is drawn; 0 is never.
        balance: columns whose combinations of values shall be drawn equally often.
        samples: drawn in an epoch; as many as there are if None.
        name: for whoever reads ``Batches.stage``.
    """

    epochs: int | None = None
    where: str = ""
    weight: str = ""
    balance: tuple[str, ...] = ()
    samples: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.balance, str):
            object.__setattr__(self, "balance", (self.balance,))
        for told, value in (("epochs", self.epochs), ("samples", self.samples)):
            if value is not None and value < 1:
                raise UsageError(f"a stage's {told} must be 1 or more, or None")

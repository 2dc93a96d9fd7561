"""Memory that a worker of PyTorch's DataLoader shares with the trainer, used again and again.

A fresh piece of shared memory for each batch costs half of what decoding does: its pages are
cleared, they are mapped in two processes, and its descriptor goes through a socket. So each worker
keeps a ring of slots. The trainer's process maps each once, and gives it back when the last tensor
over it is gone. Whoever keeps more batches than a ring has slots is served as PyTorch does by
itself. What is small goes through the worker's pipe instead.

Imports PyTorch when it is imported; ``room`` does that in workers alone.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from multiprocessing import reduction
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.multiprocessing import reductions

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

HEAD = 64  # bytes before what a slot holds
STATE, MAPPED = 0, 1  # of the head: who has the slot, and whether the trainer has mapped it
FREE, TAKEN = 0, 1
SLOTS = 32  # of a worker, at most
SMALL = 1 << 16  # bytes that go through the pipe


class SharedSlot:
    """A piece of shared memory: a head, and room for an array.

    Attributes:
        memory: (HEAD + size,) uint8, of PyTorch's shared memory. bytes: the same, for NumPy.
    """

    def __init__(self, number: int, memory: Any) -> None:
        self.number, self.memory = number, memory
        self.bytes: NDArray[np.uint8] = memory.numpy()

    @classmethod
    def of(cls, number: int, size: int) -> SharedSlot:
        """A new one, which nobody has: shared memory is all zeros."""
        empty = torch.empty(0, dtype=torch.uint8)
        storage = empty._typed_storage()._new_shared(HEAD + size, device="cpu")
        return cls(number, empty.new(storage).resize_(HEAD + size))

    @property
    def size(self) -> int:
        """Bytes that it has room for."""
        return int(self.bytes.size) - HEAD


class Loan:
    """A slot while one process uses it: until no array is left that was made of the loan.

    Attributes:
        sent: whether it went to the trainer's process, which then gives it back.
    """

    def __init__(self, slot: SharedSlot, ring: Ring | None = None) -> None:
        self.slot, self.ring = slot, ring
        self.sent = False
        self._process = os.getpid()
        self.place = slot.bytes.ctypes.data + HEAD
        # What NumPy asks of whoever owns memory: the array keeps this object alive
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (slot.size,),
            "data": (self.place, False),
        }

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array at its beginning."""
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return np.asarray(self)[:count].view(kind).reshape(shape)

    def __del__(
        self, process: Callable[[], int] = os.getpid, state: int = STATE, free: int = FREE
    ) -> None:
        # A process that was forked meanwhile has a copy of this object, and not the slot; as the
        # interpreter ends, names of this module are gone before
        if not self.sent and self._process == process():
            self.slot.bytes[state] = free


class Ring:
    """The slots of a worker.

    Attributes:
        name: unlike that of any other ring.
    """

    def __init__(self) -> None:
        self.name, self.process = uuid.uuid4().hex, os.getpid()
        self.slots: list[SharedSlot] = []
        self._made = 0

    def lend(self, size: int) -> Loan | None:
        """A slot of so many bytes or more; None if all are in use."""
        free = sorted(
            (one for one in self.slots if one.bytes[STATE] == FREE), key=lambda one: one.size
        )
        slot = next((one for one in free if one.size >= size), None)
        if slot is None:
            if len(self.slots) == SLOTS:
                if not free:
                    return None
                self.slots.remove(free[0])
            slot = SharedSlot.of(self._made, size)
            self._made += 1
            self.slots.append(slot)
        slot.bytes[STATE] = TAKEN
        return Loan(slot, self)


class Sent(torch.Tensor):  # type: ignore[misc]
    """A tensor of a worker that goes to the trainer on a short way; else like any other.

    What is made of it is a plain tensor.

    Attributes:
        loan: of the slot that it is the whole content of, or None.
    """

    loan: Loan | None
    __torch_function__ = torch._C._disabled_torch_function_impl


_own: Ring | None = None  # of this process, if it is a worker
_mapped: dict[str, tuple[int, dict[int, SharedSlot]]] = {}  # rings of workers: process and slots


def lent(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any] | None:
    """An array in a slot of this worker; None if it is small, or all slots are in use."""
    global _own
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= SMALL:
        return None
    if _own is None or _own.process != os.getpid():
        _own = Ring()
    loan = _own.lend(size)
    return None if loan is None else loan.array(shape, dtype)


def sent(array: NDArray[Any]) -> Any:
    """An array as a tensor that leaves this worker on the shortest way."""
    made = torch.from_numpy(array).as_subclass(Sent)
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    made.loan = owner if isinstance(owner, Loan) else None
    return made


def _reduced(tensor: Sent) -> Any:
    """How a worker's queue pickles it."""
    array = tensor.detach().numpy()
    if array.nbytes <= SMALL:
        return torch.from_numpy, (array.copy(),)
    loan = tensor.loan
    whole = loan is not None and array.flags.c_contiguous and array.ctypes.data == loan.place
    if loan is None or loan.ring is None or loan.sent or not whole:
        return reductions.reduce_tensor(tensor.as_subclass(torch.Tensor))
    slot, ring = loan.slot, loan.ring
    loan.sent = True
    memory = None if slot.bytes[MAPPED] else slot.memory
    there = [] if memory is None else [one.number for one in ring.slots]
    told = ring.name, ring.process, slot.number, memory, there
    return _received, (*told, array.shape, array.dtype.str)


def _received(
    name: str,
    process: int,
    number: int,
    memory: Any,
    there: list[int],
    shape: tuple[int, ...],
    dtype: str,
) -> Any:
    """In the trainer's process: the tensor; what is new of the worker's ring is mapped."""
    if name not in _mapped:
        for other in [one for one, (by, _) in _mapped.items() if not _lives(by)]:
            del _mapped[other]
        _mapped[name] = process, {}
    slots = _mapped[name][1]
    if memory is not None:
        for old in set(slots) - set(there):
            del slots[old]
        slots[number] = SharedSlot(number, memory)
        slots[number].bytes[MAPPED] = 1
    return torch.from_numpy(Loan(slots[number]).array(shape, dtype))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


reduction.register(Sent, _reduced)

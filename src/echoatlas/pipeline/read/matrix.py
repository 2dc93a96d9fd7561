"""HDF5, MATLAB and NumPy files of collections: the array in them that is pictures."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.damage import unsaid
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays import SMALLEST, array_scan
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.surplus import check_end
from echoatlas.schemas.records import Scan

ERRORS = (
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
MOST_NODES = 10_000
MATLAB_NUMBERS = frozenset(
    {"double", "single", "logical", "cell", "struct"}
    | {f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)}
)
COMPRESSED, MATRIX_HEAD = 15, 128


def read_hdf5(data: bytes, config: ReadConfig) -> Scan:
    """The largest numeric dataset of an HDF5 file (MATLAB 7.3 too) that can be pictures.

    Links to other files, external storage and virtual datasets are never followed.

    Raises:
        Reject: ``no_pixels`` if there is none, ``unreadable``, ``too_large``.
    """
    matlab = data[:10] == b"MATLAB 7.3"
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            found = _largest(file)
            if found is None:
                raise Reject(Reason.NO_PIXELS, "no dataset can be a picture")
            size = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
            if size > config.max_inflated:
                raise Reject(
                    Reason.TOO_LARGE, f"the dataset claims more than {config.max_inflated} bytes"
                )
            values = found[()]
    except ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None
    # MATLAB stores columns first, and HDF5 turns its axes round: undo the turn within pictures.
    return array_scan(_from_matlab(values.T) if matlab else values, "hdf5", config)


def _largest(file: Any) -> Any:
    best: Any = None
    todo, seen = [file], 0
    while todo:
        group = todo.pop()
        for name in group:
            seen += 1
            if seen > MOST_NODES:
                raise Reject(Reason.TOO_LARGE, f"the file has more than {MOST_NODES} nodes")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            if name == "#subsystem#":  # MATLAB's own objects, strings among them, as numbers
                continue
            node = group[name]
            if isinstance(node, h5py.Group):
                todo.append(node)
            elif _may_be_pictures(node) and (best is None or node.size > best.size):
                best = node
    return best


def _may_be_pictures(node: Any) -> bool:
    if not isinstance(node, h5py.Dataset) or node.shape is None or node.dtype.kind not in "buif":
        return False
    if node.external or node.is_virtual or _is_text(node):
        return False
    return bool(sum(side >= SMALLEST for side in node.shape) >= 2)


def _is_text(node: Any) -> bool:
    """MATLAB 7.3 stores text and objects as numbers, and says what they are in an attribute."""
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    return bool(kind) and kind not in MATLAB_NUMBERS


def read_mat(data: bytes, config: ReadConfig) -> Scan:
    """The largest numeric array of a MATLAB 5 file that can be pictures: (H, W[, 3][, frames]).

    Raises:
        Reject: ``no_pixels``, ``unreadable``, ``too_large``.
    """
    import scipy.io  # not with the module: few files need it, and each worker would load it
    from scipy.io.matlab import MatReadError

    _check_inflated(data, config)
    try:
        with unsaid():
            listed = scipy.io.whosmat(io.BytesIO(data))
        names = [
            (int(np.prod(shape, dtype=object)), name)
            for name, shape, kind in listed
            if kind not in ("struct", "cell", "object", "char", "function", "opaque", "sparse")
            and sum(side >= SMALLEST for side in shape) >= 2
        ]
        if not names:
            raise Reject(Reason.NO_PIXELS, "no variable can be a picture")
        size, name = max(names)
        if size * 8 > config.max_inflated:
            raise Reject(
                Reason.TOO_LARGE, f"the variable claims more than {config.max_inflated} bytes"
            )
        with unsaid():
            values = scipy.io.loadmat(io.BytesIO(data), variable_names=[name])[name]
    except RecursionError:
        raise Reject(Reason.TOO_DEEP, "the file is nested too deep to be read") from None
    except (*ERRORS, MatReadError) as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None
    return array_scan(_from_matlab(np.asarray(values)), "mat", config)


def read_npy(data: bytes, config: ReadConfig) -> Scan:
    """An array that NumPy saved: (H, W[, 3]) or (frames, H, W[, 3]). Pickles are never loaded.

    Raises:
        Reject: ``no_pixels`` (objects and records too), ``unreadable``, ``too_large``.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        heads = {(1, 0): np.lib.format.read_array_header_1_0}
        read_head = heads.get(version, np.lib.format.read_array_header_2_0)
        shape, _, dtype = read_head(stream)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.kind not in "buif":
            raise Reject(Reason.NO_PIXELS, "the values are not numbers that make a picture")
        if size > min(config.max_inflated, len(data)):
            raise Reject(Reason.TOO_LARGE, "the array claims more bytes than are accepted or there")
        check_end(data, stream.tell() + size)
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None
    return array_scan(values, "npy", config)


def _from_matlab(values: NDArray[Any]) -> NDArray[Any]:
    """(H, W), (H, W, 3), (H, W, N) or (H, W, 3, N) to frames first, color last."""
    if values.ndim < 3 or (values.ndim == 3 and values.shape[2] in (3, 4)):
        return values
    if values.ndim == 4 and values.shape[2] in (3, 4):
        return np.moveaxis(values, 3, 0)
    return np.moveaxis(values, (0, 1), (-2, -1))


def _check_inflated(data: bytes, config: ReadConfig) -> None:
    """Unpack every compressed element into nothing, so that no bomb reaches the parser."""
    order = ">" if data[126:128] == b"MI" else "<"
    place, total = MATRIX_HEAD, 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}II", data, place)
        if kind == COMPRESSED:
            engine = zlib.decompressobj()
            rest = data[place + 8 : place + 8 + length]
            try:
                while rest:
                    total += len(engine.decompress(rest, 1 << 20))
                    rest = engine.unconsumed_tail
                    if total > config.max_inflated:
                        raise Reject(Reason.TOO_LARGE, "the file inflates to more than is accepted")
            except zlib.error:
                raise Reject(Reason.UNREADABLE, "a compressed variable is damaged") from None
        place += 8 + length
    check_end(data, place)

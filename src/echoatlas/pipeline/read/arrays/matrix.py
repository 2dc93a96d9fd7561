"""HDF5, MATLAB and NumPy files of collections: the array in them that is pictures."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.axes import COLOR, PLANE, SMALLEST, STACK, UNKNOWN
from echoatlas.pipeline.read.arrays.kinds import hdf5_kinds
from echoatlas.pipeline.read.arrays.layouts import check_tree, check_workspace, zea_pictures
from echoatlas.pipeline.read.arrays.masks import Loaded, loaded, masked_scan
from echoatlas.pipeline.read.arrays.minc import axes_of, real_values, volume_of
from echoatlas.pipeline.read.arrays.palettes import (
    MAPS,
    is_map,
    painted_by_map,
    painted_image,
)
from echoatlas.pipeline.read.arrays.ranges import within_range
from echoatlas.pipeline.read.arrays.scan import array_scan
from echoatlas.pipeline.read.arrays.uff import BEAMFORMED, uff_picture
from echoatlas.pipeline.read.arrays.variables import (
    MASKS,
    MOST_NODES,
    Choice,
    Variable,
    choose,
    may_be_pictures,
)
from echoatlas.pipeline.read.arrays.zea import own, zea_grid, zea_masks
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.values import unsaid
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
COMPRESSED, MATRIX_HEAD = 15, 128
# What files begin with of MATLAB and of Julia (JLD, JLD2), whose arrays have columns first.
COLUMNS_FIRST = (b"MATLAB 7.3", b"Julia data file (HDF5)")
OCTAVE = "OCTAVE_NEW_FORMAT"  # attribute of each variable that Octave's save -hdf5 writes
ELSEWHERE = (
    "its arrays lie in other files (external links or storage, virtual datasets), which are not "
    "followed: send a file that holds them itself, as h5repack or a copy of the arrays makes"
)


def read_hdf5(data: bytes, config: ReadConfig) -> Scan:
    """The pictures of an HDF5 file (MATLAB 7.3 too), as ``choose`` finds them.

    Links to other files, external storage and virtual datasets are never followed.

    Raises:
        Reject: ``no_pixels`` if there is none, ``not_an_image``, ``ambiguous``, ``unreadable``,
            ``too_large``, ``unsupported_codec``.
    """
    import h5py  # not with the module: few files need it, and each worker would load it
    import hdf5plugin  # noqa: F401  (with it h5py undoes Blosc, Zstandard, LZ4 and others)

    from echoatlas.pipeline.read.arrays.hdf5_tree import walked

    matlab = data.startswith(COLUMNS_FIRST)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            tree = walked(file)
            check_tree(tree.paths, tree.classes.values())
            for path, kind in sorted(tree.classes.items()):
                if kind == BEAMFORMED:
                    values, sizes = uff_picture(file[path])
                    return array_scan(
                        values, "hdf5", config, kinds=[STACK, PLANE, PLANE], sizes=sizes
                    )
            pictures = zea_pictures(tree.paths)
            volume = volume_of(tree.paths)
            wanted = [
                one
                for one in tree.variables
                if one.name == volume
                or (not volume and (not pictures or one.name in pictures or one.speaks(MASKS)))
            ]
            if not wanted and tree.elsewhere:
                raise Reject(Reason.NO_PIXELS, ELSEWHERE)
            chosen = choose(wanted, config)
            parts = [one.load() for one in chosen.variables]
            masks = loaded(chosen, ERRORS, config)
            kinds = hdf5_kinds(chosen.one.source)
            matlab = matlab or _of_octave(chosen.one.source)
            maps = {
                one: file[one][()].T for one in MAPS if matlab and is_map(one, _shape(file, one))
            }
            colored = False
            if not (matlab or chosen.stacked or config.masks):
                parts[0], colored = painted_image(file, chosen.one.source, parts[0])
            grid = zea_grid(file, chosen.one.name) if chosen.one.name in pictures else None
            masks = zea_masks(file, chosen.one, masks) if grid is not None else masks
            if volume:
                parts[0] = real_values(file, volume, parts[0])
                told = axes_of(file, volume)
                return array_scan(
                    parts[0],
                    "hdf5",
                    config,
                    kinds=told.kinds,
                    sizes=told.sizes,
                    step_ms=told.step_ms,
                )
    except ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None
    if matlab:  # columns are stored first, so that HDF5 has its axes turned round
        parts = [one.T for one in parts]
        masks = [(one, values if values is None else values.T) for one, values in masks]
    if matlab or chosen.stacked:
        return _chosen_scan(parts, chosen, masks, maps, "hdf5", config)
    if grid is not None:
        scan = array_scan(parts[0], "hdf5", config, kinds=grid.kinds, sizes=grid.sizes)
    else:
        kinds = [*kinds, COLOR] if colored else kinds
        scan = array_scan(parts[0], "hdf5", config, kinds=kinds)
    return masked_scan(scan, chosen, parts[0].shape, masks)


def read_mat(data: bytes, config: ReadConfig) -> Scan:
    """The pictures of a MATLAB 5 file, as ``choose`` finds them: (H, W[, 3][, frames]) each.

    Raises:
        Reject: as ``read_hdf5``.
    """
    import scipy.io  # not with the module: few files need it, and each worker would load it
    from scipy.io.matlab import MatReadError

    _check_inflated(data, config)
    try:
        with unsaid():
            listed = scipy.io.whosmat(io.BytesIO(data))
            check_workspace(name for name, _, _ in listed)
            names = [name for name, shape, kind in listed if _may_hold(shape, kind)]
            names += [name for name, shape, _ in listed if is_map(name, shape)] if names else []
            found = scipy.io.loadmat(io.BytesIO(data), variable_names=names) if names else {}
        each = (one for name in names for one in _variables(name, found[name]))
        variables = list(islice(each, MOST_NODES + 1))
        if len(variables) > MOST_NODES:
            raise Reject(Reason.TOO_LARGE, f"the file has more than {MOST_NODES} arrays")
        chosen = choose(variables, config)
        parts = [np.asarray(one.load()) for one in chosen.variables]
        masks = loaded(chosen, (*ERRORS, MatReadError), config)
    except RecursionError:
        raise Reject(Reason.TOO_DEEP, "the file is nested too deep to be read") from None
    except (*ERRORS, MatReadError) as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None
    maps = {one: found[one] for one in MAPS if one in found and is_map(one, found[one].shape)}
    return _chosen_scan(parts, chosen, masks, maps, "mat", config)


def _may_hold(shape: Sequence[int], kind: str) -> bool:
    """Whether a variable may hold pictures: numbers of two large sides, cells or structs."""
    if kind in ("object", "char", "function", "opaque", "sparse"):
        return False
    return kind in ("cell", "struct") or sum(side >= SMALLEST for side in shape) >= 2


def _variables(name: str, values: NDArray[Any]) -> Iterator[Variable]:
    """A variable's array, or those of its cells and fields, numbered in MATLAB's order."""
    if type(values) is not np.ndarray:  # MATLAB's objects and functions are classes of it
        return
    if values.dtype.names:
        for index, one in enumerate(values.ravel(order="F")):
            place = f"{name}{{{index}}}" if values.size > 1 else name
            for field in values.dtype.names:
                if isinstance(one[field], np.ndarray):
                    yield from _variables(f"{place}/{field}", one[field])
    elif values.dtype == object:
        for index, one in enumerate(values.ravel(order="F")):
            if isinstance(one, np.ndarray) and one.dtype != object:
                yield from _variables(f"{name}{{{index}}}", one)
    elif may_be_pictures(values.shape, values.dtype):
        yield Variable(name, values.shape, values.dtype, lambda: within_range(values))


def _of_octave(node: Any) -> bool:
    """Whether a dataset is the value of a variable of Octave, which has columns first too."""
    return node is not None and node.parent is not None and OCTAVE in node.parent.attrs


def _shape(file: Any, name: str) -> tuple[int, ...]:
    """Of a dataset that lies in the file itself; () of what is none."""
    node = own(file, name)
    return () if node is None else tuple(node.shape)


def _chosen_scan(
    parts: list[NDArray[Any]],
    chosen: Choice,
    masks: Loaded,
    maps: Mapping[str, NDArray[Any]],
    kind: str,
    config: ReadConfig,
) -> Scan:
    """One array as MATLAB's programs have it, (H, W), (H, W, 3), (H, W, N) or (H, W, 3, N); or
    arrays alike, (H, W) or (H, W, 3), as frames of one clip.

    Args:
        maps: of colors, for an array that holds their numbers.
    """
    kinds: list[str] | None
    if chosen.stacked:
        flat = np.stack([one.reshape([side for side in one.shape if side != 1]) for one in parts])
        kinds = [STACK, *[UNKNOWN] * (flat.ndim - 1)]
        scan = array_scan(flat, kind, config, kinds=kinds)
    else:
        flat, colored = parts[0], False
        if not config.masks:
            flat, colored = painted_by_map(chosen.one.name, flat, maps)
        kinds = [*[UNKNOWN] * (flat.ndim - 1), COLOR] if colored else None
        scan = array_scan(flat, kind, config, kinds=kinds, usual=(0, 1), usual_color=2)
    return masked_scan(scan, chosen, flat.shape, masks)


def read_npy(data: bytes, config: ReadConfig) -> Scan:
    """An array that NumPy saved: (H, W[, 3]) or (frames, H, W[, 3]). Pickles are never loaded.

    Raises:
        Reject: ``no_pixels`` (objects and records too), ``unreadable``, ``too_large``.
    """
    return array_scan(read_values(data, config.max_inflated), "npy", config)


def read_values(data: bytes, most: int) -> NDArray[Any]:
    """The values of an array that NumPy saved, to the last byte.

    Args:
        most: bytes that they may take.

    Raises:
        Reject: as ``read_npy``.
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
        if size > min(most, len(data)):
            raise Reject(Reason.TOO_LARGE, "the array claims more bytes than are accepted or there")
        check_end(data, stream.tell() + size)
        return within_range(np.load(io.BytesIO(data), allow_pickle=False))
    except ERRORS as error:
        raise Reject(
            Reason.UNREADABLE, f"the file cannot be read ({type(error).__name__})"
        ) from None


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

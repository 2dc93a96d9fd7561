"""What an HDF5 file holds: its arrays, those of MATLAB's cells too, and what kind of file it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.arrays.ranges import within_range
from echoatlas.pipeline.read.arrays.uff import uff_class
from echoatlas.pipeline.read.arrays.variables import MOST_NODES, Variable, may_be_pictures

MATLAB_NUMBERS = frozenset(
    {"double", "single", "logical", "cell", "struct"}
    | {f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)}
)
# Groups of MATLAB's own: its objects, strings among them, as numbers; and what cells refer to.
OBJECTS, REFERRED = "#subsystem#", "#refs#"


@dataclass(slots=True)
class Tree:
    """A file's nodes.

    Attributes:
        variables: arrays that may be pictures.
        paths: of all nodes. classes: of UFF's objects, by path.
        elsewhere: whether values were passed over that lie in other files.
    """

    variables: list[Variable] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    elsewhere: bool = False


def walked(file: Any) -> Tree:
    """Walk a file; links to other files, external storage and virtual datasets are passed over.

    Raises:
        Reject: ``too_large`` beyond ``MOST_NODES``.
    """
    tree = Tree()
    todo = [("", file)]
    while todo:
        path, group = todo.pop()
        for name in group:
            place = f"{path}/{name}" if path else str(name)
            tree.paths.append(place)
            if len(tree.paths) > MOST_NODES:
                raise Reject(Reason.TOO_LARGE, f"the file has more than {MOST_NODES} nodes")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                tree.elsewhere |= isinstance(link, h5py.ExternalLink)
                continue
            node = group[name]
            if isinstance(node, h5py.Dataset):
                tree.elsewhere |= bool(node.external or node.is_virtual)
                tree.variables += _variables(place, node, file)
            elif isinstance(node, h5py.Group) and name not in (OBJECTS, REFERRED):
                if kind := uff_class(node):
                    tree.classes[place] = kind
                todo.append((place, node))
    return tree


def _variables(path: str, node: Any, file: Any) -> Iterator[Variable]:
    """The array of a dataset, or those of a cell array, numbered in its order."""
    if node.shape is None or node.external or node.is_virtual or _is_text(node):
        return
    if h5py.check_ref_dtype(node.dtype) is h5py.Reference:
        if node.size > MOST_NODES:
            raise Reject(Reason.TOO_LARGE, f"the file has more than {MOST_NODES} nodes")
        for index, reference in enumerate(node[()].ravel()):
            item = file[reference] if reference else None
            if isinstance(item, h5py.Dataset) and h5py.check_ref_dtype(item.dtype) is None:
                yield from _variables(f"{path}{{{index}}}", item, file)
    elif may_be_pictures(node.shape, node.dtype):
        yield Variable(path, tuple(node.shape), node.dtype, lambda: _loaded(node), node)


def _loaded(node: Any) -> Any:
    filters = node.id.get_create_plist()
    for index in range(filters.get_nfilters()):
        code = filters.get_filter(index)[0]
        if not h5py.h5z.filter_avail(code):
            raise Reject(
                Reason.UNSUPPORTED_CODEC, f"the array is packed by filter {code}, which is not read"
            )
    return within_range(node[()])


def _is_text(node: Any) -> bool:
    """MATLAB 7.3 stores text and objects as numbers, and says what they are in an attribute."""
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    return bool(kind) and kind not in MATLAB_NUMBERS

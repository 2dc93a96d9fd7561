"""The anatomy tree: regions, organs, their indexes, and what a loss needs to know of them.

A node is named by its path: ``"thorax"`` is a region, ``"thorax/breast"`` an organ. Vectors over
the tree have 61 places: the 9 regions by index, then the 52 organs by index.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.errors import nearest
from echoatlas.schemas.packaged import packaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Node:
    """A region or an organ.

    Attributes:
        path: "thorax" or "thorax/breast".
        index: final; from 1 among regions, from 1 among organs.
        parent: path of an organ's region; "" for a region.
        codes: SNOMED CT identifier, then retired ones, then SNOMED RT ones: all name this node.
        related: SNOMED CT identifiers of parts that are filed under it.
        paired: whether there is a left and a right one.
        checked: whether the first code stands in a dictionary that it was compared with.
        uberon, uberon_name: term of UBERON and what UBERON calls it; "" if there is none.
        fma: what UBERON cross-references in the Foundational Model of Anatomy; "" if unclear.
    """

    path: str
    index: int
    name: str
    parent: str = ""
    codes: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    paired: bool = False
    checked: bool = False
    uberon: str = ""
    uberon_name: str = ""
    fma: str = ""

    @property
    def id(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Tree:
    """All nodes, regions by index before organs by index.

    Attributes:
        migrations: old path to new path, for labels written with an older version.
    """

    version: int
    nodes: tuple[Node, ...]
    migrations: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, path: object) -> bool:
        return path in self.positions

    @cached_property
    def positions(self) -> dict[str, int]:
        """Path to place in vectors over the tree."""
        return {node.path: place for place, node in enumerate(self.nodes)}

    @cached_property
    def regions(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if not node.parent)

    @cached_property
    def organs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.parent)

    def node(self, path: str) -> Node:
        """The node of a path.

        Raises:
            KeyError: the path is not of the tree.
        """
        return self.nodes[self.positions[path]]

    def path(self, region: str, organ: str = UNKNOWN) -> str:
        """The path of a region's and an organ's id; "" if the region is unknown."""
        if region in ("", UNKNOWN):
            return ""
        return region if organ in ("", UNKNOWN) else f"{region}/{organ}"

    def region_index(self, path: str) -> int:
        """1 to 9 for a node, 0 for "" or "unknown"."""
        return self.node(path.partition("/")[0]).index if path not in ("", UNKNOWN) else 0

    def organ_index(self, path: str) -> int:
        """1 to 52 for an organ, 0 for a region, "" or "unknown"."""
        return self.node(path).index if "/" in path else 0

    def hint(self, written: str) -> str:
        """``; did you mean 'abdomen/liver'?`` for "liver", "livre" or "abdomen/livr"."""
        last = written.rpartition("/")[2]
        by_id = {node.id: node.path for node in self.nodes}
        near = nearest(written, self.positions)
        if last in by_id or not near:
            near = nearest(last, by_id)
            for name, path in by_id.items():
                near = near.replace(f"'{name}'", f"'{path}'")
        return near

    def ancestors(self, path: str) -> tuple[str, ...]:
        """The region, then the organ if there is one: the way from the root to the node."""
        node = self.node(path)
        return (node.parent, node.path) if node.parent else (node.path,)

    def children(self, path: str) -> tuple[Node, ...]:
        """The organs of a region; none of an organ."""
        return tuple(node for node in self.organs if node.parent == path)

    def lowest_common_ancestor(self, first: str, second: str) -> str:
        """The deepest node above or equal to both; "" is the root."""
        shared = [
            a for a, b in zip(self.ancestors(first), self.ancestors(second), strict=False) if a == b
        ]
        return shared[-1] if shared else ""

    @cached_property
    def parents(self) -> NDArray[np.int16]:
        """(61,) place of each node's parent; -1 for regions."""
        return np.array([self.positions.get(node.parent, -1) for node in self.nodes], np.int16)

    @cached_property
    def distances(self) -> NDArray[np.int8]:
        """(61, 61) edges between nodes by way of their lowest common ancestor, root included."""
        depth = {node.path: len(self.ancestors(node.path)) for node in self.nodes}
        depth[""] = 0
        return np.array(
            [
                [
                    depth[a] + depth[b] - 2 * depth[self.lowest_common_ancestor(a, b)]
                    for b in depth
                    if b
                ]
                for a in depth
                if a
            ],
            np.int8,
        )

    def multi_hot(self, paths: Iterable[str]) -> NDArray[np.uint8]:
        """(61,) ones at the nodes of the paths and above them.

        Raises:
            KeyError: a path is not of the tree; "" and "unknown" name no node and add none.
        """
        vector = np.zeros(len(self), np.uint8)
        for path in self._known(paths):
            vector[[self.positions[step] for step in self.ancestors(path)]] = 1
        return vector

    def asserted(self, paths: Iterable[str]) -> NDArray[np.bool_]:
        """(61,) true where the paths say yes or no, so that a loss can leave out the rest.

        No path asserts nothing. A region without an organ leaves its own organs open. A region
        with an organ settles all of them: what is not named there is not shown.
        """
        known = self._known(paths)
        mask = np.full(len(self), bool(known))
        settled = {path.partition("/")[0] for path in known if "/" in path}
        for region in {path for path in known if "/" not in path} - settled:
            mask[[self.positions[organ.path] for organ in self.children(region)]] = False
        return mask

    def migrate(self, path: str) -> str:
        """The path as it is written today, following the table of migrations."""
        seen = {path}
        while path in self.migrations and (path := self.migrations[path]) not in seen:
            seen.add(path)
        return path

    @cached_property
    def hash(self) -> str:
        """16 hex digits over indexes and paths: what labels written with the tree depend on."""
        plain = json.dumps([[node.path, node.index] for node in self.nodes])
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    def _known(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if path not in ("", UNKNOWN)]


def parse_tree(raw: dict[str, Any]) -> Tree:
    """A tree from the plain data of ``tree.yaml``.

    Raises:
        ValueError: indexes are not 1, 2, 3, ... or a path occurs twice.
    """
    regions = [_node(entry, "") for entry in raw["regions"]]
    organs = [
        _node(organ, entry["id"]) for entry in raw["regions"] for organ in entry.get("organs", ())
    ]
    for kind in (regions, organs):
        kind.sort(key=lambda node: node.index)
        if [node.index for node in kind] != list(range(1, len(kind) + 1)):
            raise ValueError("the tree's indexes have to be 1, 2, 3, ... without gaps")
    nodes = (*regions, *organs)
    if len({node.path for node in nodes}) != len(nodes):
        raise ValueError("a path occurs twice in the tree")
    moved = {entry["from"]: entry["to"] for entry in raw.get("migrations", ())}
    return Tree(int(raw["version"]), nodes, moved)


def _node(entry: dict[str, Any], parent: str) -> Node:
    code = entry.get("snomed") or {}
    current = (code["code"],) if code else ()
    uberon = entry.get("uberon") or {}
    return Node(
        path=f"{parent}/{entry['id']}" if parent else entry["id"],
        index=entry["index"],
        name=entry["name"],
        parent=parent,
        codes=(*current, *entry.get("retired", ()), *entry.get("srt", ())),
        related=tuple(entry.get("related", ())),
        paired=entry.get("paired", False),
        checked=bool(code.get("checked")),
        uberon=uberon.get("code", ""),
        uberon_name=uberon.get("name", ""),
        fma=entry.get("fma", ""),
    )


@cache
def tree() -> Tree:
    """The project's tree, of ``tree.yaml``."""
    return parse_tree(packaged("echoatlas.taxonomy", "tree.yaml"))

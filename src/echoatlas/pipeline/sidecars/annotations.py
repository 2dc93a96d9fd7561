"""From a collection's masks and table rows to annotations in pixels of the source picture.

Only what the adapter has a name for gets through: a class, finding or label that it does not
list, or a mask with other values than it says, is left out and flagged. Texts become codes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations, groupby
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.arrays.scan import reverse
from echoatlas.pipeline.read.headings import told
from echoatlas.pipeline.read.turns import oriented, sideways
from echoatlas.schemas.records import SourceAnnotation
from echoatlas.taxonomy.matching.matcher import anatomy, axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.sidecars.collection import Attached
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Picture, Scan
    from echoatlas.taxonomy.collections import Collection, Layout
    from echoatlas.taxonomy.collections.annotations import Mask, Shapes, Table

NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
NEAR = 40  # gray levels or color steps that lossy masks stray from what they mean
FARTHEST = 1 << 15  # pixels from the corner that a polygon may reach
STRAY = 0.02  # share of a mask's pixels that may mean nothing


def given(
    attached: Attached, facts: Mapping[str, str], collection: Collection, scan: Scan,
    config: ReadConfig,
) -> tuple[list[SourceAnnotation], frozenset[str]]:  # fmt: skip
    """All that a collection says of a scan, and codes of what could not be used.

    Args:
        attached: masks and rows; trusted zone.
        facts: of the adapter, for the class.
        scan: the picture; masks have to be of its size.

    Returns:
        Annotations in pixels of ``scan``; flags among "mask_unreadable", "mask_mismatch" (of
        another size), "mask_unlike" (it holds other values than the adapter says).
    """
    found: list[SourceAnnotation] = []
    flags: set[str] = set()
    if facts.get("class", "") in collection.classes.values():
        found.append(SourceAnnotation("class", collection.finding, collection.name, facts["class"]))
    by_rule = groupby(attached.rows, key=lambda pair: id(pair[0]))
    for _, pairs in by_rule:
        listed = list(pairs)
        table, rows = listed[0][0], [row for _, row in listed]
        found += _columns(table, rows, collection.name)
        if table.shapes and _is_turned(scan):  # they may speak of the picture as it lay before
            flags.add("mask_mismatch")
            continue
        for shapes in table.shapes:
            if shapes.kind != "polygon":
                found += _shapes(shapes, rows, collection.name)
                continue
            outlines, unusable = _outlines(shapes, rows, collection.name, scan)
            found += outlines
            flags |= unusable
    for rule, data in attached.masks:
        try:
            found += _masks(rule, data, collection.name, scan, config)
        except Reject as rejection:
            flags.add("mask_unreadable" if rejection.step != "annotate" else rejection.detail)
    return found, frozenset(flags)


def _columns(
    table: Table, rows: Iterable[Mapping[str, str]], source: str
) -> Iterator[SourceAnnotation]:
    told: set[tuple[str, str, float | None]] = set()
    for row in rows:
        for heading, column in table.columns.items():
            written = row.get(heading, "").strip()
            value, number = "", None
            if column.means == "scalar":
                number = _number(written)
            elif column.means == "finding":
                value = column.values.get(written, "")
            elif column.means == "text":
                value = in_codes(written)
            if (value or number is not None) and (column.name, value, number) not in told:
                told.add((column.name, value, number))
                kind = column.means.replace("finding", "class")
                yield SourceAnnotation(kind, column.name, source, value, number, column.unit)


def scores(site: SiteConfig, row: Mapping[str, str]) -> list[SourceAnnotation]:
    """The numbers in columns that a site's file calls scores; what is no number is left out."""
    columns = [column for column in row if told(column, site.sidecar) == "score"]
    numbers = [_number(row[column].strip()) for column in sorted(columns)]
    return [
        SourceAnnotation("scalar", "score", "sidecar", number=number, unit="1")
        for number in numbers
        if number is not None
    ]


def in_codes(text: str) -> str:
    """What a text speaks of as codes, separated by blanks: ids of rules, never its words."""
    matches = [*anatomy().find(text), *axes().find(text)]
    return " ".join(sorted({match.rule.id for match in matches}))


def length(text: str) -> float | None:
    """A length that is one: a number above zero."""
    number = _number(text)
    return number if number is not None and number > 0 else None


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _shapes(
    shapes: Shapes, rows: Iterable[Mapping[str, str]], source: str
) -> Iterator[SourceAnnotation]:
    """Boxes one by one; points of one frame together, in order of the rows."""
    points: dict[int | None, list[float]] = {}
    for row in rows:
        written = " ".join(row.get(heading, "") for heading in shapes.columns)
        numbers = [float(text) for text in NUMBER.findall(written)]
        at = _number(row.get(shapes.frame, "")) if shapes.frame else None
        frame = int(at) if at is not None else None
        if shapes.frame and frame is None:
            continue
        points.setdefault(frame, []).extend(numbers)
    for frame, flat in points.items():
        if shapes.kind == "keypoints" and flat and len(flat) % 2 == 0:
            pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
            yield SourceAnnotation("keypoints", shapes.name, source, points=pairs, frame=frame)
        elif shapes.kind == "box" and len(flat) % 4 == 0:
            for x0, y0, x1, y1 in zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True):
                far = (x0 + x1, y0 + y1) if shapes.size else (x1, y1)
                corners = ((x0, y0), far)
                yield SourceAnnotation("box", shapes.name, source, points=corners, frame=frame)


def _outlines(
    shapes: Shapes, rows: Iterable[Mapping[str, str]], source: str, scan: Scan
) -> tuple[list[SourceAnnotation], set[str]]:
    """A mask of what is outlined, all its outlines filled; and flags."""
    drawn: NDArray[np.uint8] | None = None
    flags: set[str] = set()
    for row in rows:
        written = row.get(shapes.columns[0], "")
        if not written:
            continue
        try:
            inside = _polygon(written.encode(), scan)
        except Reject as rejection:
            flags.add("mask_unreadable" if rejection.step != "annotate" else rejection.detail)
            continue
        drawn = inside if drawn is None else np.maximum(drawn, inside)
    return [] if drawn is None else [
        SourceAnnotation("mask", shapes.name, source, mask=drawn)
    ], flags


def _masks(
    rule: Layout, data: bytes, source: str, scan: Scan, config: ReadConfig
) -> Iterator[SourceAnnotation]:
    """One annotation a frame and label; a mask of one frame is about all frames of a clip.

    Raises:
        Reject: by the reader, or by the step "annotate" with a flag for its detail.
    """
    if data[:1] == b"[":
        if _is_turned(scan):
            raise _unusable("mask_mismatch")
        yield SourceAnnotation("mask", rule.mask.name, source, mask=_polygon(data, scan))
        return
    numbers = bool(rule.mask.labels) and not any(key.startswith("#") for key in rule.mask.labels)
    opened = read(data, replace(config, masks=True, numbers=numbers, like=scan.lay))
    size, turn = (opened.height, opened.width), _turn(scan, opened)
    size = size[::-1] if sideways(turn) else size
    same = size == (scan.height, scan.width) and opened.lay.turned == scan.lay.turned
    if not same or opened.declared_frames not in (1, scan.declared_frames):
        raise _unusable("mask_mismatch")
    mirrored = _mirrored(scan, opened)
    for index, picture in enumerate(opened.frames()):
        frame = index if opened.declared_frames > 1 else None
        shown = oriented(picture[mirrored], turn)
        for name, inside in sorted(labeled(shown, rule.mask).items()):
            drawn = inside.astype(np.uint8)
            yield SourceAnnotation("mask", name, source, mask=drawn, frame=frame)


def _is_turned(scan: Scan) -> bool:
    return scan.lay.turned or scan.turn != 1


def _turn(scan: Scan, mask: Scan) -> int:
    """How a mask has to be turned that says nothing of that, over a picture that its file turns.

    Programs that draw show such a picture turned, or as it is coded: the mask's size may tell.

    Raises:
        Reject: "mask_mismatch" if it may be either.
    """
    if mask.turn == scan.turn:
        return 1
    size, shown = (mask.height, mask.width), (scan.height, scan.width)
    coded = shown[::-1] if sideways(scan.turn) else shown
    if size == shown == coded:
        raise _unusable("mask_mismatch")
    return scan.turn if size == coded and mask.turn == 1 else 1


def _mirrored(scan: Scan, mask: Scan) -> tuple[slice, slice]:
    """How rows and columns of a mask are to be taken, so that they lie on those of its picture.

    As after a program that turns each volume to the body's axes. Only where the mask begins at
    the very pixel at which the picture ends: of others what they state of it is not meant.
    """
    turns = [slice(None), slice(None)]
    if scan.grid and mask.grid:
        for axis, count in enumerate((scan.width, scan.height)):
            against = reverse(scan.grid[axis], count)
            near = abs(against[1]) / 2
            if abs(against[1] - mask.grid[axis][1]) * count < near:
                met = abs(against[0] - mask.grid[axis][0]) < near
                turns[axis] = slice(None, None, -1) if met else slice(None)
    return turns[1], turns[0]


def _polygon(data: bytes, scan: Scan) -> NDArray[np.uint8]:
    """What a polygon encloses, given as a JSON list of [x, y] in pixels of the picture."""
    try:
        points = np.array(json.loads(data), np.float64)
    except (ValueError, TypeError, RecursionError):
        raise Reject(Reason.UNREADABLE, "it is no list of points", "read") from None
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise Reject(Reason.UNREADABLE, "it is no list of points", "read")
    if not np.isfinite(points).all() or np.abs(points).max() > FARTHEST:
        raise _unusable("mask_mismatch")
    drawn = np.zeros((scan.height, scan.width), np.uint8)
    cv2.fillPoly(drawn, [np.rint(points).astype(np.int32)], 1)
    return drawn


def labeled(picture: Picture, rule: Mask) -> dict[str, NDArray[np.bool_]]:
    """Where each label of a mask is, (H, W) each; "not black" for a rule without labels.

    Raises:
        Reject: "mask_unlike" if more of it than lossy coding explains is neither black nor a
            label: then it is a picture, not a mask, and might show what pictures show.
    """
    values = picture.astype(np.int16)
    if rule.labels:
        wanted = {_level(key, values.ndim): name for key, name in rule.labels.items()}
        gray = values.ndim == 2 or bool((values == values[..., :1]).all())
        drawn = set(np.unique(values)) - {0}
        if len(wanted) == 1 and gray and drawn in ({1}, {255}):
            wanted = {_level(str(drawn.pop()), values.ndim): next(iter(wanted.values()))}
        levels = {_level("0", values.ndim), *wanted}
        near = _stray([one for one in levels if isinstance(one, tuple)]) if values.ndim > 2 else 0
        found = {name: _within(values, level, near) for level, name in wanted.items()}
        meant = np.logical_or.reduce([_within(values, level, near) for level in levels])
    else:
        flat = values if values.ndim == 2 else values.max(axis=2)
        top = int(flat.max())
        # One that holds few values is a mask whatever they are; lossy ones stray from two.
        few = len(np.unique(flat)) <= 8
        floor = (NEAR if top > 2 * NEAR else 0) if few else top // 2
        found = {rule.name: flat > floor}
        meant = (flat <= NEAR) | (flat >= top - NEAR) | few
    if np.count_nonzero(~meant) > STRAY * meant.size:
        raise _unusable("mask_unlike")
    return {name: _filled(inside) if rule.outline else inside for name, inside in found.items()
            if inside.any() or not rule.labels}  # fmt: skip


def _level(key: str, dimensions: int) -> int | tuple[int, int, int]:
    if key.startswith("#"):
        red, green, blue = bytes.fromhex(key[1:])
        return (red, green, blue) if dimensions == 3 else round((red + green + blue) / 3)
    return int(key) if dimensions == 2 else (int(key),) * 3


def _stray(levels: Iterable[tuple[int, int, int]]) -> int:
    """How far a lossy color may be from what it means: less than half way to another one."""
    apart = [
        max(abs(one - other) for one, other in zip(*pair, strict=True))
        for pair in combinations(levels, 2)
    ]
    return min(NEAR, (min(apart, default=2 * NEAR + 1) - 1) // 2)


def _within(
    values: NDArray[np.int16], level: int | tuple[int, int, int], near: int
) -> NDArray[np.bool_]:
    apart = np.abs(values - np.array(level, np.int16))
    inside: NDArray[np.bool_] = (apart if values.ndim == 2 else apart.max(axis=2)) <= near
    return inside


def _filled(edge: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What an outline encloses, the outline included."""
    drawn = edge.astype(np.uint8)
    contours, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(drawn), contours, -1, 1, cv2.FILLED)
    return np.asarray(filled > 0)


def _unusable(flag: str) -> Reject:
    return Reject(Reason.FRAME_MISMATCH, flag, "annotate")

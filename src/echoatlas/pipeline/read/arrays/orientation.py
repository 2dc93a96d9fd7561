"""Where the axes of a NIfTI volume run in the patient, to the nearest of the body's own.

An affine may turn a volume any way. Of it two things are asked: how far apart values lie along each
axis, which is the length of its column, and which way up a picture is to be shown. As on DICOM's
screens (PS3.3 C.7.6.2.1.1) columns run to the left or to the back, rows to the back or to the feet.
A volume that lies askew is taken for the nearest that does not, and flagged; one whose axes are
askew to each other has no spacing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASKEW = 0.02  # sine of the angle, one degree, to the body's axis or from a right angle
OBLIQUE = "oblique"
LEFT_BACK_HEAD = np.array([-1, -1, 1])  # NIfTI's axes run to the right, front and head
Line = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Orientation:
    """Of a volume's first three axes.

    Attributes:
        signs: 1 where an axis runs to the patient's right, front or head, else -1.
        sizes: from value to value along each, in the header's unit of length; 0 where unknown.
        lines: by axis where its first value lies along the body's, to its left, back or head, and
            how far the next one is, in that unit; where no affine says so what nibabel takes for
            it, and hands on when it turns a volume; none of axes that lie askew.
        oblique: whether they lie askew.
    """

    signs: tuple[int, int, int]
    sizes: tuple[float, float, float]
    lines: Mapping[int, Line] = field(default_factory=dict)
    oblique: bool = False


def orientation_of(header: Any) -> Orientation:
    """The orientation that a header states: by its sform, else its qform, else its pixdim.

    Args:
        header: of nibabel, NIfTI 1 or 2.
    """
    from nibabel.orientations import io_orientation

    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    affine = np.asarray(header.get_sform() if sform or not qform else header.get_qform())
    placed = affine if sform or qform else np.asarray(header.get_best_affine())
    lines = lines_of(placed[:3, :3].T * LEFT_BACK_HEAD, placed[:3, 3] * LEFT_BACK_HEAD)
    turn = affine[:3, :3].astype(float)
    zooms = [float(one) for one in header.get_zooms()[:3]]
    zooms += [0.0] * (3 - len(zooms))
    lengths = np.linalg.norm(turn, axis=0)
    nearest = io_orientation(affine) if np.isfinite(turn).all() else np.full((3, 2), np.nan)
    if np.isnan(nearest).any():  # nothing is stated, or a volume without extent
        signs = [-1 if turn[axis, axis] < 0 else 1 for axis in range(3)]
        return Orientation((signs[0], signs[1], signs[2]), (zooms[0], zooms[1], zooms[2]), lines)
    # Lengths of 1 are those of an affine that nobody set, as where only pixdim was given
    measured = bool(sform or qform) and not np.allclose(lengths, 1)
    sizes = [float(one) for one in lengths] if measured else zooms
    unit = turn / lengths
    along = unit[nearest[:, 0].astype(int), range(3)]
    signs = [-1 if one < 0 else 1 for one in along]
    sheared = _askew(unit)
    if sheared:
        sizes = [0.0 if axis in sheared else size for axis, size in enumerate(sizes)]
    oblique = bool((np.abs(along) < np.sqrt(1 - ASKEW**2)).any())
    oblique = oblique or bool(sheared)
    return Orientation(
        (signs[0], signs[1], signs[2]),
        (sizes[0], sizes[1], sizes[2]),
        {} if oblique else lines,
        oblique,
    )


def lines_of(vectors: Sequence[Any], origin: Any) -> dict[int, Line]:
    """Where axes begin along the body's, and their steps; those that lie askew are left out.

    Args:
        vectors: from value to value along each axis; None for what is no axis in space.
        origin: the place of the first value.
    """
    found = {}
    for axis, vector in enumerate(vectors):
        if vector is None or len(vector) != len(origin):
            continue
        body = int(np.argmax(np.abs(vector)))
        length = float(np.linalg.norm(vector))
        if length and abs(vector[body]) >= length * np.sqrt(1 - ASKEW**2):
            found[axis] = (float(origin[body]), float(vector[body]))
    return found


def _askew(unit: NDArray[np.float64]) -> set[int]:
    """The axes that are not at right angles to all others."""
    angles = np.abs(unit.T @ unit) - np.eye(3)
    return {int(axis) for axis in np.flatnonzero((angles > ASKEW).any(axis=0))}

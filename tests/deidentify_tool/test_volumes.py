"""What the tool writes of volumes means the same to other programs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.deidentify_tool.containers import volumes
from echoatlas.pipeline.geometry.regions import scaled_by
from echoatlas.pipeline.read import read
from echoatlas.schemas.fan import Verdict, whole
from echoatlas.schemas.records import Scan
from echoatlas.simulate import make_cine

simpleitk: Any = pytest.importorskip("SimpleITK", reason="a development dependency")
SPACING = (0.25, 0.5)
Frames = NDArray[np.uint8]


def frames(count: int, color: bool) -> Frames:
    mode = "color_doppler" if color else "b_mode"
    return make_cine(5, frames=count, size=(160, 120), color=color, mode=mode).pictures


def in_nibabel(path: Path) -> Frames:
    values = np.asanyarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]
    values = values[:, :, 0] if values.ndim == 4 else values
    if values.dtype.names:
        values = np.stack([values[name] for name in values.dtype.names], axis=-1)
        return np.asarray(values.transpose(2, 1, 0, 3))
    return np.asarray(values.transpose(2, 1, 0))


def in_pynrrd(path: Path) -> Frames:
    values, header = nrrd.read(str(path), index_order="C")
    assert header["kinds"][-3:] == ["domain", "domain", "time"]
    return np.asarray(values)


EVEN = (0.0, 33.367, 66.733, 100.1, 133.467)


def nifti_in_time(made: Any, spacing: Any, times: Any) -> bytes:
    return volumes.nifti(made, spacing, None, times)


def nrrd_in_time(made: Any, spacing: Any, times: Any) -> bytes:
    return volumes.nrrd(made, spacing, times)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("count", [1, 3, 4, 7])
@pytest.mark.parametrize(
    ("suffix", "write", "other"),
    [(".nii.gz", volumes.nifti, in_nibabel), (".nrrd", volumes.nrrd, in_pynrrd)],
)
def test_a_volume_reads_the_same_everywhere(
    color: bool,
    count: int,
    suffix: str,
    write: Callable[..., bytes],
    other: Callable[[Path], Frames],
    tmp_path: Path,
) -> None:
    made = frames(count, color)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(write(list(made), SPACING))

    image, ours = simpleitk.ReadImage(str(path)), read(path.read_bytes())

    assert np.array_equal(made, simpleitk.GetArrayFromImage(image))
    assert np.array_equal(made, other(path))
    assert np.array_equal(made, np.stack(list(ours.frames())))
    assert image.GetSpacing()[:2] == pytest.approx(SPACING) == ours.spacing
    assert ((), "rgb:stated" if color else "gray") == (ours.flags, ours.color)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize(
    ("suffix", "write", "other"),
    [(".nii.gz", nifti_in_time, in_nibabel), (".nrrd", nrrd_in_time, in_pynrrd)],
)
@pytest.mark.parametrize("spacing", [SPACING, None])
def test_frames_have_their_times_and_no_distance(
    color: bool,
    suffix: str,
    write: Callable[..., bytes],
    other: Callable[[Path], Frames],
    spacing: tuple[float, float] | None,
    tmp_path: Path,
) -> None:
    """As slices, frames lie a millimeter apart for whoever reads them."""
    made = frames(5, color)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(write(list(made), spacing, EVEN))

    ours = read(path.read_bytes())

    assert np.array_equal(made, np.stack(list(ours.frames())))
    assert np.array_equal(made, other(path).reshape(made.shape))
    assert ours.times == pytest.approx(EVEN, abs=0.01)
    assert ours.spacing == spacing
    assert path.read_bytes() != write(list(made), spacing, None)


@pytest.mark.parametrize("write", [nifti_in_time, nrrd_in_time])
def test_uneven_times_are_not_evened(write: Callable[..., bytes]) -> None:
    uneven = (0.0, 20.0, 60.0, 80.0, 120.0)

    assert write(list(frames(5, False)), SPACING, uneven) == write(
        list(frames(5, False)), SPACING, None
    )


@pytest.mark.parametrize("signs", [(-1, -1), (1, -1), (1, 1), (-1, 1)])
def test_axes_keep_their_signs(signs: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(volumes.nifti(list(frames(3, False)), SPACING, signs))

    affine = nibabel.load(path).affine  # type: ignore[attr-defined]

    assert signs == tuple(int(math.copysign(1, affine[axis, axis])) for axis in (0, 1))


@pytest.mark.parametrize(("spacing", "known"), [((0.4, 0.4), True), ((2.0, 2.0), False)])
def test_a_spacing_that_is_deeper_than_ultrasound_reaches_is_unknown(
    spacing: tuple[float, float], known: bool
) -> None:
    scan = Scan("mha", "uint8", 1, 480, 640, lambda: iter(()), spacing=spacing)
    fan = whole(640, 480, "cropped", Verdict.ACCEPT, 1.0)

    assert known == (scaled_by(fan, (), scan).mm_per_px is not None)

"""Files of arrays, as the programs of each format write them, from pictures in any order."""

from __future__ import annotations

import io
from typing import Any

import h5py
import nibabel
import nrrd
import numpy as np
import scipy.io
from numpy.typing import NDArray

Array = NDArray[Any]


def npy(values: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def hdf5(values: Array, labels: str = "", **attributes: Any) -> bytes:
    """One dataset; ``labels``, one letter each, name its dimensions."""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        node = file.create_dataset("frames", data=values)
        for axis, label in enumerate(labels):
            node.dims[axis].label = label
        node.attrs.update(attributes)
    return out.getvalue()


def mat(values: Array) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, {"frames": values})
    return out.getvalue()


def mha(values: Array, channels: int = 1, **fields: str) -> bytes:
    """MetaImage of an array as SimpleITK takes it: the last axis is the fastest."""
    sides = values.shape[:-1] if channels > 1 else values.shape
    head = (
        f"ObjectType = Image\nNDims = {len(sides)}\nBinaryData = True\n"
        "BinaryDataByteOrderMSB = False\nCompressedData = False\n"
        f"DimSize = {' '.join(str(side) for side in sides[::-1])}\n"
        + (f"ElementNumberOfChannels = {channels}\n" if channels > 1 else "")
        + "".join(f"{key} = {value}\n" for key, value in fields.items())
        + "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return head.encode() + np.ascontiguousarray(values).tobytes()


def nifti(values: Array, signs: tuple[int, int] = (1, 1), **header: Any) -> bytes:
    """NIfTI of an array as nibabel takes it: the first axis is the fastest."""
    image = nibabel.Nifti1Image(values, np.diag([*signs, 1, 1]).astype(float))
    for key, value in header.items():
        image.header[key] = value
    return image.to_bytes()


def rotation(axis: int, degrees: float) -> Array:
    """Turns about one of three axes, (3, 3)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    made = np.eye(3)
    one, other = (at for at in range(3) if at != axis)
    made[one, one] = made[other, other] = cosine
    made[one, other], made[other, one] = -sine, sine
    return made


def nifti_turned(
    frames: Array,
    turn: Array,
    spacing: tuple[float, float, float],
    *,
    by: str = "sform",
    unit: str = "mm",
) -> bytes:
    """A clip in a volume that lies in the patient as ``turn`` says, (3, 3): the columns are where
    the pictures' columns, rows and slices run; rows are stored as they are shown."""
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    image = nibabel.Nifti1Image(np.ascontiguousarray(frames.transpose(2, 1, 0)), None)
    image.set_sform(affine if by == "sform" else None, 1 if by == "sform" else 0)
    image.set_qform(affine if by == "qform" else None, 1 if by == "qform" else 0)
    image.header.set_xyzt_units(unit)
    return image.to_bytes()


def nifti_of_dcm2niix(frames: Array, spacing: float = 1.0) -> bytes:
    """A clip as dcm2niix writes it: rows from the bottom up, columns to the left."""
    affine = np.diag([-spacing, spacing, 1.0, 1.0])
    image = nibabel.Nifti1Image(np.ascontiguousarray(frames[:, ::-1].transpose(2, 1, 0)), affine)
    image.header.set_xyzt_units("mm", "sec")
    return image.to_bytes()


def slicer_sequence(frames: Array) -> bytes:
    """A clip as 3D Slicer writes a sequence of volumes of one slice: time is the fastest axis."""
    return nrrd_of(frames.transpose(0, 2, 1)[..., None], "list domain domain domain")


def nrrd_of(values: Array, kinds: str = "", **header: Any) -> bytes:
    """NRRD of an array whose first axis is the fastest."""
    out = io.BytesIO()
    head = {"encoding": "raw", **({"kinds": kinds.split()} if kinds else {}), **header}
    nrrd.write(out, np.asarray(values), head, index_order="F")
    return out.getvalue()


def six(frames: Array) -> dict[str, bytes]:
    """A clip in files whose pictures are not the array's last two axes."""
    rows_first = np.ascontiguousarray(frames.transpose(1, 2, 0))
    return {
        "sequence.seq.nrrd": slicer_sequence(frames),
        "frames-first.nii": nifti(frames),
        "rows-first.npy": npy(rows_first),
        "rows-first.h5": hdf5(rows_first),
        "rows-first.mat": mat(rows_first),
        "rows-first.mha": mha(rows_first),
    }

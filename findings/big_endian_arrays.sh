#!/usr/bin/env bash
# MDS, imagecodecs, OpenCV: samples of a big-endian file are stored with their bytes swapped.
#
# mosaicml-streaming 0.13.0, imagecodecs 2026.3.6, opencv-python-headless 5.0.0.93, litdata 0.2.76,
# nibabel 5.4.2, pynrrd 1.1.3, h5py 3.16.0, numpy 2.1.3, torch 2.14.1, seen 2026-11-30.
# A scan of 16 bits is saved big endian, as NIfTI, NRRD and HDF5 allow. nibabel, pynrrd and h5py give an
# array of its values whose type is `>u2`: each comparison, sum and plot of it is right. Then
#   MDS, column `ndarray`                 notes `uint16` and stores the bytes: 256 for 1, 1 for 256
#   imagecodecs, jpeg2k and htj2k         encode 256 for 1, "without loss"
#   OpenCV, imwrite of PNG                the same
#   LitData, torch, imagecodecs jpegls    raise an error
# What is read back is of type uint16 and has the range of 16 bits: speckle looks like other speckle. Only
# big-endian files are hit, so a set of several centers is wrong in one. Hand over
# `array.astype(array.dtype.newbyteorder("="))`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mosaicml-streaming==0.13.0 imagecodecs==2026.3.6 litdata==0.2.76 \
  opencv-python-headless==5.0.0.93 nibabel==5.4.2 pynrrd==1.1.3 h5py==3.16.0 numpy==2.1.3 torch==2.14.1
cd "$work"
cat > program.py <<'PROGRAM'
from collections.abc import Callable

import cv2
import h5py
import imagecodecs
import litdata.streaming.serializers
import nibabel
import nrrd
import numpy as np
import torch
from streaming import MDSWriter, StreamingDataset

folders = iter(range(1000))
values = np.random.default_rng(0).integers(0, 4096, (48, 64)).astype(np.uint16)


def by_nibabel() -> np.ndarray:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.uint16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4), header), "scan.nii")
    return np.asanyarray(nibabel.load("scan.nii").dataobj)


def by_pynrrd() -> np.ndarray:
    nrrd.write("scan.nrrd", values.astype(">u2"))
    return nrrd.read("scan.nrrd")[0]


def by_h5py() -> np.ndarray:
    with h5py.File("scan.h5", "w") as file:
        file["scan"] = values.astype(">u2")
    with h5py.File("scan.h5") as file:
        return file["scan"][()]


def through_mds(array: np.ndarray) -> np.ndarray:
    folder = f"mds-{next(folders)}"
    with MDSWriter(out=folder, columns={"scan": "ndarray"}) as writer:
        writer.write({"scan": array})
    return StreamingDataset(local=folder, batch_size=1, shuffle=False)[0]["scan"]


def through_jpeg2k(array: np.ndarray) -> np.ndarray:
    return imagecodecs.jpeg2k_decode(imagecodecs.jpeg2k_encode(array, reversible=True))


def through_htj2k(array: np.ndarray) -> np.ndarray:
    return imagecodecs.htj2k_decode(imagecodecs.htj2k_encode(array))


def through_opencv(array: np.ndarray) -> np.ndarray:
    assert cv2.imwrite("scan.png", array)
    return cv2.imread("scan.png", cv2.IMREAD_UNCHANGED)


def through_litdata(array: np.ndarray) -> object:
    return litdata.streaming.serializers.NumpySerializer().serialize(array)


def kept(through: Callable[[np.ndarray], np.ndarray], array: np.ndarray) -> str:
    found = through(array)
    assert found.dtype == np.uint16
    if np.array_equal(found, values):
        return "kept"
    assert np.array_equal(found, values.byteswap())
    return "swapped"


def refused(through: Callable[[np.ndarray], object], array: np.ndarray) -> bool:
    try:
        through(array)
    except (KeyError, ValueError):
        return True
    return False


if __name__ == "__main__":
    writers = (through_mds, through_jpeg2k, through_htj2k, through_opencv)
    for source in (by_nibabel, by_pynrrd, by_h5py):
        array = np.ascontiguousarray(source())
        assert array.dtype == ">u2" and np.array_equal(array, values)
        told = {through.__name__: kept(through, array) for through in writers}
        print(source.__name__, told)
        if set(told.values()) != {"swapped"}:
            raise SystemExit("changed: all were swapped")
        native = array.astype(array.dtype.newbyteorder("="))
        assert {kept(through, native) for through in writers} == {"kept"}
    for through in (through_litdata, torch.from_numpy, imagecodecs.jpegls_encode):
        assert refused(through, array) and not refused(through, native)
PROGRAM
venv/bin/python program.py
echo "as seen"

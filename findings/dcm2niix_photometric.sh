#!/usr/bin/env bash
# dcm2niix: white-is-zero ultrasound becomes a negative, and palette color the numbers of its colors.
#
# dcm2niix 1.0.20260724 with pydicom 3.0.2, nibabel 5.4.2, SimpleITK 2.5.7, seen 2026-11-29.
# NIfTI has no field for what DICOM calls PhotometricInterpretation, so a converter has to apply it.
# dcm2niix applies YBR_FULL, and of a still of 64 x 48 makes
#   MONOCHROME1      the stored values: 255 where the scan is black
#   PALETTE COLOR    the stored indices as one gray value a pixel; the palette is gone
# It ends with 0, and neither its output nor its JSON warns of it. SimpleITK inverts the one and gives
# three colors for the other. Of older scanners' color stills gray levels are then colors' numbers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dcm2niix==1.0.20260724 pydicom==3.0.2 nibabel==5.4.2 \
    simpleitk==2.5.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import os
import subprocess

import dcm2niix
import nibabel
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

STILL = "1.2.840.10008.5.1.4.1.1.6.1"
stored = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)


def write(name, photometric):
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = STILL
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
    one.Modality, one.PatientID, one.PatientName = "US", "1", "A"
    one.StudyDate, one.StudyTime, one.SeriesNumber, one.InstanceNumber = "20260101", "101010", 1, 1
    one.Manufacturer = "ACME"
    one.Rows, one.Columns = stored.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, photometric
    one.BitsAllocated = one.BitsStored = 8
    one.HighBit, one.PixelRepresentation = 7, 0
    if photometric == "PALETTE COLOR":  # black to orange
        for place, top in enumerate((255, 128, 0)):
            table = (np.arange(256) * top // 255 * 257).astype("<u2")
            one.add_new(0x00281101 + place, "US", [256, 0, 16])
            one.add_new(0x00281201 + place, "OW", table.tobytes())
    one.PixelData = stored.tobytes()
    one.save_as(name, enforce_file_format=True)


def converted(name):
    os.mkdir(f"{name}.out")
    done = subprocess.run(
        [dcm2niix.bin, "-o", f"{name}.out", "-f", "x", name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    words = done.stdout + done.stderr + open(f"{name}.out/x.json").read()
    warned = any(word in words.lower() for word in ("monochrome", "palette", "photometric"))
    values = np.asarray(nibabel.load(f"{name}.out/x.nii").dataobj)
    return values[:, ::-1, 0].T, warned


told = {}
for name, photometric in (("a.dcm", "MONOCHROME1"), ("b.dcm", "PALETTE COLOR")):
    write(name, photometric)
    values, warned = converted(name)
    other = sitk.GetArrayFromImage(sitk.ReadImage(name))[0]
    told[photometric] = np.array_equal(values, stored), warned, other.shape
    if photometric == "MONOCHROME1":
        assert np.array_equal(other, 255 - stored), "SimpleITK does not invert it any more"
    as_stored = "as stored" if told[photometric][0] else "not as stored"
    print(f"{photometric:14} dcm2niix: values {as_stored}, a warning: {warned}; "
          f"SimpleITK: {other.shape}")
if told != {
    "MONOCHROME1": (True, False, (48, 64)),
    "PALETTE COLOR": (True, False, (48, 64, 3)),
}:
    raise SystemExit(f"changed: {told}")
PROGRAM
echo "as described"

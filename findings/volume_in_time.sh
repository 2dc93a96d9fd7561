#!/usr/bin/env bash
# dcm2niix, SimpleITK: of a heart in 3D at two times one makes a single volume in which the times
# alternate from slice to slice, and the other one of 1 mm whatever is stated.
#
# dcm2niix 1.0.20260724, SimpleITK 2.5.7, pydicom 3.0.2, nibabel 5.4.2, seen 2026-12-01.
# An Enhanced US Volume says for each frame which time and which plane it is (DimensionIndexValues, its
# position and its time offset; PS3.3 A.59). Of 2 times x 4 planes, .3 mm a pixel and .5 mm apart
#   dcm2niix    64 x 48 x 8, one time; planes 1 1 2 2 3 3 4 4 of times 1 2 1 2 1 2 1 2, in any order of
#               the frames in the file; the spacing is right, and the volume twice as deep
#   SimpleITK   64 x 48 x 8 as the frames lie in the file; spacing 1, 1, 1
# So each wall is there twice, a heartbeat's phase apart, where it is one volume; no warning.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dcm2niix==1.0.20260724 simpleitk==2.5.7 pydicom==3.0.2 \
  nibabel==5.4.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PROGRAM'
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedUSVolumeStorage, ExplicitVRLittleEndian, generate_uid

TIME = (0x00209310, 0x0020930D)  # sequence, and the attribute in it that is a dimension
PLANE = (0x0020930E, 0x00209301)
LEVEL = 20  # plane p at time t has the level 100 t + 20 p + 20


def item(**values):
    one = Dataset()
    for name, value in values.items():
        setattr(one, name, value)
    return one


def volume(order):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedUSVolumeStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.FrameOfReferenceUID, data.VolumeFrameOfReferenceUID = generate_uid(), generate_uid()
    data.Modality, data.PatientID, data.PatientName, data.StudyID = "US", "1", "A", "1"
    data.StudyDate = data.ContentDate = "20240101"
    data.StudyTime = data.ContentTime = "101010"
    data.AcquisitionDateTime = "20240101101010"
    data.SeriesNumber = data.InstanceNumber = 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.VolumetricProperties, data.UltrasoundAcquisitionGeometry = "VOLUME", "APEX"
    data.ApexPosition = [9.6, 0.0, 0.75]
    data.PositionMeasuringDeviceUsed, data.PositionReferenceIndicator = "RIGID", ""
    data.Rows, data.Columns, data.SamplesPerPixel, data.NumberOfFrames = 48, 64, 1, len(order)
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    here = generate_uid()
    data.DimensionOrganizationType = "3D_TEMPORAL"
    data.DimensionOrganizationSequence = [item(DimensionOrganizationUID=here)]
    data.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=here,
            FunctionalGroupPointer=group,
            DimensionIndexPointer=pointer,
        )
        for group, pointer in (TIME, PLANE)
    ]
    measures = item(PixelSpacing=[0.3, 0.3], SliceThickness=0.5, SpacingBetweenSlices=0.5)
    data.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[measures],
            PlaneOrientationVolumeSequence=[item(ImageOrientationVolume=[1, 0, 0, 0, 1, 0])],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(DimensionIndexValues=[time + 1, plane + 1])],
            PlanePositionVolumeSequence=[item(ImagePositionVolume=[0, 0, 0.5 * plane])],
            TemporalPositionSequence=[item(TemporalPositionTimeOffset=0.04 * time)],
        )
        for time, plane in order
    ]
    frames = [np.full((48, 64), LEVEL + 100 * time + 20 * plane, np.uint8) for time, plane in order]
    data.PixelData = np.stack(frames).tobytes()
    data["PixelData"].VR = "OB"
    return data


def frames_of(levels):
    return [divmod(int(level) - LEVEL, 100) for level in levels]


ordered = [(time, plane) for time in range(2) for plane in range(4)]
MIXED = [(time, plane * 20) for plane in range(4) for time in range(2)]
for name, order in (
    ("time by time", ordered),
    ("plane by plane", [(time, plane) for plane in range(4) for time in range(2)]),
    ("otherwise", [ordered[at] for at in (3, 0, 6, 1, 7, 2, 5, 4)]),
):
    folder = Path(name.replace(" ", "-"))
    folder.mkdir()
    volume(order).save_as(folder / "volume.dcm", enforce_file_format=True)
    read = sitk.ReadImage(str(folder / "volume.dcm"))
    by_itk = frames_of(sitk.GetArrayFromImage(read)[:, 0, 0])
    subprocess.run(["venv/bin/dcm2niix", "-o", folder, folder], check=True, capture_output=True)
    (nifti,) = (nibabel.load(one) for one in folder.glob("*.nii"))
    by_dcm2niix = frames_of(np.asarray(nifti.dataobj)[0, 0].ravel())
    sizes = [round(float(one), 3) for one in nifti.header.get_zooms()]
    print(f"{name}: dcm2niix {nifti.shape} {sizes} {by_dcm2niix}")
    print(f"{name}: SimpleITK {read.GetSize()} {read.GetSpacing()} {by_itk}")
    if nifti.shape != (64, 48, 8) or sizes != [0.3, 0.3, 0.5] or by_dcm2niix != MIXED:
        raise SystemExit("changed: dcm2niix")
    if by_itk != [(time, 20 * plane) for time, plane in order]:
        raise SystemExit("changed: SimpleITK's order")
    if read.GetSize() != (64, 48, 8) or read.GetSpacing() != (1.0, 1.0, 1.0):
        raise SystemExit("changed: SimpleITK's size or spacing")
PROGRAM
echo "as seen"

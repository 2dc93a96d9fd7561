"""Uploads of the label tests: public collections in their layouts, and a hospital."""

from __future__ import annotations

import gzip
import io
import zipfile

import cv2
import nibabel
import numpy as np
import pydicom
import yaml

from echoatlas.cli import call
from echoatlas.simulate import make_cine, make_still, write_dicom

TORN = {"StudyDescription": "US THYROID", "ImageType": ["ORIGINAL", "PRIMARY", "RENAL"]}
SIZE = (400, 300)
PLANES = """Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train 
Patient00001_Plane3_1_of_2;1;Fetal brain;Trans-thalamic;Op. 1;Voluson E6;1
Patient00001_Plane2_2_of_2;1;Maternal cervix;Not A Brain;Op. 1;Voluson E6;1
Patient00002_Plane5_1_of_1;2;Fetal femur;Dr. Jane Doe;Op. 2;Voluson E6;0
"""  # noqa: W291  (the heading has a blank at its end, as published)
HC = """filename,pixel size(mm),head circumference (mm)
010_HC.png,0.5,180.5
010_2HC.png,0.5,181.0
"""


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def still(seed, anatomy):
    """A picture, and a mask of a block of its tissue that is painted white."""
    picture = make_still(seed=seed, fan="convex", size=SIZE, anatomy=anatomy).pictures[0].copy()
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[140:190, 170:230] = 255
    picture[mask > 0] = 255
    return picture, mask


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def busi(folder):
    files = {}
    for number, kind in enumerate(("benign", "malignant", "normal")):
        picture, mask = still(number, "thorax/breast")
        files[f"Dataset_BUSI_with_GT/{kind}/{kind} (1).png"] = png(picture)
        files[f"Dataset_BUSI_with_GT/{kind}/{kind} (1)_mask.png"] = png(mask * (kind != "normal"))
    other = np.zeros((90, 90), np.uint8)
    files["Dataset_BUSI_with_GT/benign/benign (1)_mask_1.png"] = png(other)
    put(folder, files)


def hc18(folder):
    """Pictures and outlines in an archive, as they are downloaded; their table beside it.

    One outline was put into an archive of its own, as other collections do with all.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, name in enumerate(("training_set/010_HC", "training_set/010_2HC")):
            picture, mask = still(10 + number, "fetus/fetal_head")
            edge = mask - cv2.erode(mask, np.ones((3, 3), np.uint8))
            packed.writestr(f"{name}.png", png(picture))
            if number == 0:
                packed.writestr(f"{name}_Annotation.png", png(edge))
        packed.writestr("test_set/010_HC.png", png(still(12, "fetus/fetal_head")[0]))
    masks = io.BytesIO()
    with zipfile.ZipFile(masks, "w") as packed:
        packed.writestr("training_set/010_2HC_Annotation.png", png(edge))
    put(folder, {"training_set.zip": archive.getvalue(), "masks.zip": masks.getvalue(),
                 "training_set_pixel_size_and_HC.csv": HC})  # fmt: skip


def planes(folder):
    names = [line.split(";")[0] for line in PLANES.splitlines()[1:]]
    pictures = {f"FETAL_PLANES_ZENODO/Images/{name}.png": png(still(20 + i, "fetus/fetal_head")[0])
                for i, name in enumerate(names)}  # fmt: skip
    put(folder, {**pictures, "FETAL_PLANES_ZENODO/FETAL_PLANES_DB_data.csv": PLANES})


def camus(folder):
    clip = make_cine(seed=30, frames=3, fan="phased", size=SIZE, anatomy="thorax/heart")
    gray = np.stack(
        [picture if picture.ndim == 2 else picture[..., 0] for picture in clip.pictures]
    )
    labels = np.zeros_like(gray)
    for frame in range(3):
        labels[frame, 150:180, 190:210] = 1
        labels[frame, 120 : 130 + 10 * frame, 180:220] = 3
    stem = "database_nifti/patient0001/patient0001_4CH_half_sequence"
    put(folder, {f"{stem}.nii.gz": nifti(gray), f"{stem}_gt.nii.gz": nifti(labels),
                 "database_nifti/patient0001/Info_4CH.cfg": "ED: 1\n"})  # fmt: skip


def nifti(values):
    return gzip.compress(nibabel.Nifti1Image(values.T, np.eye(4)).to_bytes())


SITES = {"busi": busi, "hc18": hc18, "fetal-planes-db": planes, "camus": camus}


def add(made, name, **more):
    """A site, added in this process, which has imported everything already."""
    folder = made.uploads / name
    folder.mkdir(parents=True)
    file = made.root / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"site": name, "bucket": str(folder), **more}))
    assert call(made.command("site", "add", str(file))[3:]) == 0
    return folder


def torn(scan):
    """The scan as a DICOM file that orders a thyroid and was done with a preset for kidneys."""
    header = pydicom.dcmread(io.BytesIO(write_dicom(scan)))
    for keyword in ("SeriesDescription", "BodyPartExamined", "AnatomicRegionSequence",
                    "ProtocolName"):  # fmt: skip
        if keyword in header:
            del header[keyword]
    for keyword, value in TORN.items():
        setattr(header, keyword, value)
    stream = io.BytesIO()
    header.save_as(stream)
    return stream.getvalue()


def hospital(folder):
    """Two scans, one that is sure and one whose evidence is torn; a picture, a table of it."""
    sure, doubtful = (
        make_still(seed=seed, fan="convex", size=SIZE, anatomy="abdomen/liver") for seed in (0, 1)
    )
    table = "file,quality,mm\n2.png,0.75,0.5\n1.dcm,Mrs Doe,\n"
    put(folder, {"upload/0.dcm": write_dicom(sure), "upload/1.dcm": torn(doubtful),
                 "upload/2.png": png(still(40, "abdomen/liver")[0]),
                 "upload/index.csv": table})  # fmt: skip

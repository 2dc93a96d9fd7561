"""A public collection is ingested by its adapter: masks and tables become annotations of frames."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections import Counter

import cv2
import nibabel
import numpy as np
import pytest

from echoatlas.pipeline.cli import call
from echoatlas.pipeline.codec import decode
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan import plan
from echoatlas.pipeline.receipt import receipts as receipts_of
from echoatlas.pipeline.select import index_of
from echoatlas.pipeline.simulate import make_cine, make_still
from rehearsal import Rehearsal

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
    """Pictures and outlines in an archive, as they are downloaded; their table beside it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, name in enumerate(("training_set/010_HC", "training_set/010_2HC")):
            picture, mask = still(10 + number, "fetus/fetal_head")
            edge = mask - cv2.erode(mask, np.ones((3, 3), np.uint8))
            packed.writestr(f"{name}.png", png(picture))
            packed.writestr(f"{name}_Annotation.png", png(edge))
        packed.writestr("test_set/010_HC.png", png(still(12, "fetus/fetal_head")[0]))
    put(folder, {"training_set.zip": archive.getvalue(),
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


def add(made, name):
    """A site that names an adapter, added in this process, which has imported everything."""
    folder = made.uploads / name
    folder.mkdir(parents=True)
    file = made.root / f"{name}.yaml"
    file.write_text(f"site: {name}\nbucket: {folder}\ncollection: {name}\n")
    assert call(made.command("site", "add", str(file))[3:]) == 0
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A deployment with one site a collection, run from files to labels."""
    made = Rehearsal(tmp_path_factory.mktemp("collections"))
    made.engine(batch=8, workers=1)
    for name, fill in SITES.items():
        fill(add(made, name))
    made.run("run")
    return made


@pytest.fixture(scope="module")
def rows(made):
    """Rows of tables, each with the name of its site."""
    found = made.rows()
    site = {row["object_id"]: row["site"] for row in found["objects"]}
    for name in ("annotations", "labels"):
        found[name] = [{**row, "site": site[row["object_id"]]} for row in found[name]]
    return found


def of(rows, table, site):
    return [row for row in rows[table] if row["site"] == site]


def test_masks_and_tables_are_no_pictures_and_everything_is_accounted_for(made, rows):
    kept = Counter(row["site"] for row in rows["objects"] if row["status"] == "kept")
    site = Deployment.find(made.home, str(made.lake_path))
    receipts = Counter(one.status for one in receipts_of(site, site.site("busi")))

    assert kept == {"busi": 3, "hc18": 3, "fetal-planes-db": 3, "camus": 1}
    assert rows["quarantine"] == []
    assert receipts == {"kept": 3, "sidecar": 4}


def test_a_mask_lies_on_the_stored_image_where_it_lay_on_the_picture(rows):
    images = {row["frame_id"]: decode(row["image"]) for row in rows["frames"]}
    masks = [row for row in rows["annotations"]
             if row["kind"] == "mask" and row["site"] in ("busi", "hc18")]  # fmt: skip

    compared = 0
    for row in masks:
        drawn = cv2.imdecode(np.frombuffer(row["mask"], np.uint8), cv2.IMREAD_UNCHANGED) > 0
        if not drawn.any():
            continue
        image = images[row["frame_id"]]
        white = (image if image.ndim == 2 else image[..., 0]) > 250
        white = cv2.morphologyEx(white.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))) > 0
        compared += 1
        assert (drawn & white).sum() / (drawn | white).sum() > 0.85, row["site"]
        assert np.abs(np.argwhere(drawn).mean(0) - np.argwhere(white).mean(0)).max() < 1.5
    assert compared == 4  # two of BUSI; two outlines of HC18, filled


def test_classes_are_codes_of_the_adapter(rows):
    found = {row["value"] for row in of(rows, "annotations", "busi") if row["kind"] == "class"}

    assert {"benign", "malignant", "normal"} == found


def test_a_mask_of_another_size_is_left_out_and_flagged(rows):
    flags = Counter(row["flags"] for row in of(rows, "frames", "busi"))
    masks = [row for row in of(rows, "annotations", "busi") if row["kind"] == "mask"]

    assert sum(number for flag, number in flags.items() if "mask_mismatch" in flag) == 1
    assert len(masks) == 3


def test_scalars_and_the_size_of_pixels_come_from_the_table_of_the_same_set(rows):
    frames = {row["frame_id"]: row for row in of(rows, "frames", "hc18")}
    told = {frames[row["frame_id"]]["native_split"]: (row["name"], row["number"], row["unit"])
            for row in of(rows, "annotations", "hc18")
            if row["kind"] == "scalar" and row["number"] == 180.5}  # fmt: skip

    assert told == {"train": ("head_circumference", 180.5, "mm")}
    for row in frames.values():
        if row["native_split"] == "train":
            assert row["mm_per_px_x"] == pytest.approx(0.5 / row["scale"])
        else:
            assert row["mm_per_px_x"] is None


def test_patients_are_told_apart_by_the_adapters_rule(rows):
    hc18 = {(row["patient"], row["native_split"]) for row in of(rows, "frames", "hc18")}
    planes = Counter(row["patient"] for row in of(rows, "frames", "fetal-planes-db"))

    # 010 and its second picture are one patient; 010 of the other set is somebody else.
    assert sorted(split for _, split in hc18) == ["test", "train"]
    assert sorted(planes.values()) == [1, 2]
    assert {row["patient_source"] for row in of(rows, "frames", "hc18")} == {"name"}


def test_the_table_says_class_split_and_organ_and_nothing_that_it_should_not(rows):
    frames = {row["frame_id"]: row for row in of(rows, "frames", "fetal-planes-db")}
    labels = {row["paths"] for row in of(rows, "labels", "fetal-planes-db")}
    told = {(row["kind"], row["name"], row["value"])
            for row in of(rows, "annotations", "fetal-planes-db")}  # fmt: skip

    assert {"fetus/fetal_head", "pelvis/uterine_cervix", "fetus/fetal_limb"} == labels
    assert {"train", "test"} == {row["native_split"] for row in frames.values()}
    assert told == {("class", "plane", "fetal brain"), ("class", "plane", "maternal cervix"),
                    ("class", "plane", "fetal femur"),
                    ("class", "brain_plane", "transthalamic")}  # fmt: skip


def test_a_sequence_of_labels_is_tied_frame_by_frame(rows):
    frames = {row["frame_id"]: row["frame_index"] for row in of(rows, "frames", "camus")}
    areas = {}
    for row in of(rows, "annotations", "camus"):
        if row["kind"] == "mask":
            drawn = cv2.imdecode(np.frombuffer(row["mask"], np.uint8), cv2.IMREAD_UNCHANGED)
            areas[row["name"], frames[row["frame_id"]]] = np.count_nonzero(drawn)

    assert {"left_ventricle", "left_atrium"} == {name for name, _ in areas}
    assert areas["left_atrium", 0] < areas["left_atrium", 1] < areas["left_atrium", 2]
    assert areas["left_ventricle", 0] == areas["left_ventricle", 2]


def test_license_and_subject_are_the_collections(made, rows):
    licenses = {row["site"]: row["license"] for row in rows["frames"]}
    versions = {name: made.lake.version(name) for name in ("frames", "labels", "measures")}

    index = index_of(made.lake, versions | {"duplicates": made.lake.version("duplicates")})

    assert licenses["hc18"] == "CC-BY-4.0"
    assert {"human"} == {row["subject_type"] for row in rows["frames"]}
    assert {"train", "test", ""} == set(index.column("native_split").to_pylist())


def test_nothing_is_left_to_do(made):
    planned = plan(Deployment.find(made.home, str(made.lake_path)))

    assert all(site.idle for site in planned)


def test_a_mask_that_comes_later_has_its_site_annotated_anew(made):
    later = made.uploads / "busi/Dataset_BUSI_with_GT/malignant/malignant (1)_mask_1.png"
    later.write_bytes(png(np.zeros((300, 400), np.uint8)))

    planned = {one.site: one for one in plan(Deployment.find(made.home, str(made.lake_path)))}
    later.unlink()

    assert (planned["busi"].new_files, planned["busi"].renewed) == (0, 3)
    assert planned["busi"].why == ("the collection's masks or tables: changed",)
    assert planned["hc18"].idle

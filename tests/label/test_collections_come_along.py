"""A public collection is ingested by its adapter: masks and tables become annotations of frames."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from echoatlas.loader import load
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.plan.plan import plan
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.release.whole import index_of
from echoatlas.pipeline.sites.receipts import receipts as receipts_of
from tests.helpers.uploads import png


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
    arrived = arrived_at(site, site.site("busi"))
    receipts = Counter(one.status for one in receipts_of(site, arrived))

    # An archive of masks alone, too, is what its collection says it is; no frame comes of it.
    assert kept == {"busi": 3, "hc18": 4, "fetal-planes-db": 3, "camus": 1,
                    "st-elsewhere": 3}  # fmt: skip
    assert rows["quarantine"] == []
    assert receipts == {"kept": 3, "sidecar": 4}


def test_masks_of_a_collection_reach_the_trainer_where_they_lay(made, rows):
    made.run("release", "create", "marked", "--where", "annotated LIKE '%mask%'")

    checks = made.run("verify", "marked")
    samples = list(load("marked", lake=made.lake_path, where="site = 'busi'"))

    assert checks["ok"]
    assert len(samples) == len({r["frame_id"] for r in of(rows, "annotations", "busi")})
    for sample in samples:
        white = (sample.image if sample.image.ndim == 2 else sample.image[..., 0]) > 250
        (mask,) = [one.mask > 0 for one in sample.annotations if one.kind == "mask"]
        assert (mask & ~white).sum() <= 0.1 * mask.sum()


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


def test_a_sites_own_table_gives_scores_and_the_size_of_pixels(rows):
    told = [(row["name"], row["number"]) for row in of(rows, "annotations", "st-elsewhere")]
    sizes = [row["mm_per_px_x"] and row["mm_per_px_x"] * row["scale"]
             for row in of(rows, "frames", "st-elsewhere")
             if row["spacing_source"] == "pixel_spacing"]  # fmt: skip

    assert told == [("score", 0.75)]
    assert sizes == [pytest.approx(0.5)]


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

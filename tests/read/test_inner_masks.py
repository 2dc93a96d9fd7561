"""A mask in its picture's own file becomes an annotation, on the pixels that it was drawn on."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Callable
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.marks import check_masks
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.result import ObjectResult
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.pipeline.sidecars.within import within
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin, SourceAnnotation
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import make_cine
from echoatlas.taxonomy.collections.annotations import Mask
from tests.helpers.rehearsal import Rehearsal

CINE = make_cine(21, frames=5, size=(200, 160), burned_in=()).pictures
STILL = CINE[0]
LESION = cv2.ellipse(np.zeros(STILL.shape, np.uint8), (90, 80), (22, 14), 30, 0, 360, 1, -1)
OTHER = cv2.circle(np.zeros(STILL.shape, np.uint8), (120, 100), 12, 1, -1)
Pack = Callable[[dict[str, Any]], bytes]


def hdf5(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return out.getvalue()


def mat(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, arrays)
    return out.getvalue()


def matlab_7_3(arrays: dict[str, Any]) -> bytes:
    """Columns first, as MATLAB itself has them, so that HDF5 has the axes turned round."""
    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.asarray(values).T
    return b"MATLAB 7.3 MAT-file".ljust(512) + out.getvalue()[512:]


def struct(arrays: dict[str, Any]) -> bytes:
    return mat({"data": arrays})


def npz(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


PACKS: list[Pack] = [hdf5, mat, matlab_7_3, struct, npz]


def marked(data: bytes, rule: tuple[Mask, str] | None = None) -> list[SourceAnnotation]:
    return within(read(data), rule)[0]


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize(
    ("called", "name", "value"),
    [
        ("gt", "ground_truth", ""),
        ("mask", "mask", ""),
        ("annotation", "annotation", ""),
        ("liver_seg", "segmentation", "liver"),
        ("DOE_JANE_mask", "mask", ""),
    ],
)
@pytest.mark.parametrize("values", [LESION, LESION.astype(bool), LESION * 255, LESION * 1.0])
def test_a_mask_beside_its_picture_is_an_annotation(pack, called, name, value, values):
    (found,) = marked(pack({"image": STILL, called: values}))

    assert ("mask", name, value, "file", None) == (
        found.kind, found.name, found.value, found.source, found.frame
    )  # fmt: skip
    assert np.array_equal(LESION, found.mask)


@pytest.mark.parametrize("pack", PACKS)
def test_each_label_of_a_mask_is_an_annotation_under_its_number(pack):
    found = marked(pack({"image": STILL, "labels": np.maximum(LESION, OTHER * 7).astype("i2")}))

    assert [one.name for one in found] == ["mask-1", "mask-7"]
    assert np.array_equal(OTHER, found[1].mask)


def test_a_mask_of_each_frame_is_about_that_frame():
    masks = np.stack([np.roll(LESION, 3 * index, axis=1) for index in range(len(CINE))])
    per_frame = {f"mask_{index + 1}": one for index, one in enumerate(masks)}
    packed = {
        "frames first": hdf5({"image": CINE, "mask": masks}),
        "frames last": mat({"image": CINE.transpose(1, 2, 0), "mask": masks.transpose(1, 2, 0)}),
        "one array a mask": hdf5({"image": CINE, **per_frame}),
        "one array a picture": mat(
            {f"img{index + 1}": one for index, one in enumerate(CINE)} | per_frame
        ),
        "in cells": mat(
            {
                "img": np.array([[*CINE, None]], dtype=object)[:, :-1],
                "mask": np.array([[*masks, None]], dtype=object)[:, :-1],
            }
        ),
    }

    for way, data in packed.items():
        found = sorted(marked(data), key=lambda one: one.frame or 0)
        assert list(range(5)) == [one.frame for one in found], way
        assert np.array_equal(masks, np.stack([one.mask for one in found])), way


def test_numbered_pictures_of_which_few_have_a_mask():
    pictures = {f"case_3/frame_{index}": one for index, one in enumerate(CINE)}

    (found,) = marked(hdf5({**pictures, "case_3/mask_2": LESION}))

    assert found.frame == 2


@pytest.mark.parametrize(
    ("arrays", "flag"),
    [
        ({"image": STILL, "mask": LESION[:-1]}, "mask_mismatch"),
        ({"image": CINE, "mask": LESION}, "mask_mismatch"),  # of which frame?
        ({"image": CINE, "mask": np.stack([LESION] * 4)}, "mask_mismatch"),
        ({"image": STILL, "mask": CINE[1]}, "mask_unlike"),  # a picture, whatever it is called
        ({"image": STILL, "mask": np.stack([STILL] * 3, -1)}, "mask_mismatch"),
    ],
)
@pytest.mark.parametrize("pack", [hdf5, matlab_7_3])
def test_what_is_no_mask_of_the_picture_is_left_out_and_told(pack, arrays, flag):
    scan = read(pack(arrays))
    found, flags = within(scan, None)

    assert found == []
    assert {flag} == {*scan.flags, *flags}
    assert len(arrays["image"]) in (scan.declared_frames, scan.height)


def test_a_mask_that_cannot_be_read_costs_the_picture_nothing():
    data = bytearray(hdf5({"image": STILL}))
    out = io.BytesIO(data)
    with h5py.File(out, "a") as file:
        file.create_dataset("gt", data=LESION, chunks=LESION.shape, compression="gzip")
        place = file["gt"].id.get_chunk_info(0).byte_offset
    broken = bytearray(out.getvalue())
    broken[place : place + 8] = b"\xff" * 8

    scan = read(bytes(broken))

    assert scan.flags == ("mask_unreadable",)
    assert np.array_equal(STILL, next(iter(scan.frames())))


def test_a_mask_turns_with_its_picture():
    """Pictures that lie on their side are turned, and what is drawn on them goes with them."""
    cine = make_cine(3, frames=16, fan="convex", size=(240, 180)).pictures
    drawn = cv2.ellipse(np.zeros(cine[0].shape, np.uint8), (110, 90), (40, 20), 0, 0, 360, 1, -1)
    masks = np.stack([drawn] * 16)

    scan = read(hdf5({"image": cine.swapaxes(1, 2), "mask": masks.swapaxes(1, 2)}))

    assert scan.lay.transposed
    assert np.array_equal(drawn, scan.masks[0].values[0])


def test_an_adapter_says_what_values_mean():
    rule = Mask(labels={"1": "nodule", "2": "vessel"})
    data = hdf5({"image": STILL, "gt": LESION + 2 * OTHER * (1 - LESION)})

    found = marked(data, (rule, "some-collection"))

    assert [(one.name, one.source) for one in found] == [
        ("nodule", "some-collection"),
        ("vessel", "some-collection"),
    ]


HEIGHT, WIDTH = STILL.shape
X, Z = np.meshgrid(np.arange(WIDTH) * 4e-4, np.arange(HEIGHT) * 3e-4)
GRID = np.stack([X, 0 * X, Z], axis=-1).astype(np.float32)
CHAMBERS = ["unannotated", "LV_endo", "liver / left lobe", "DOE JANE"]


def zea(drawn: Any, labels: Any, folder: str = "data", **others: Any) -> bytes:
    """As its 0.1.8 writes it, with pictures (frames, z, x) and masks (frames, z, x, labels)."""
    out = io.BytesIO(hdf5({f"{folder}/image/values": CINE, f"{folder}/image/coordinates": GRID}))
    with h5py.File(out, "a") as file:
        mask = file.create_group(others.get("beside", folder) + "/segmentation")
        mask["values"] = drawn
        mask["coordinates"] = others.get("grid", GRID)
        if labels is not None:
            mask.create_dataset("labels", data=labels, dtype=h5py.string_dtype())
        file["scan/n_el"] = 64
    return out.getvalue()


def drawn_by_zea() -> Any:
    """Frames 1 and 3 are drawn, and labels lie over each other."""
    values = np.zeros((len(CINE), HEIGHT, WIDTH, 4), bool)
    values[..., 0] = True
    for frame in (1, 3):
        values[frame] = np.stack([LESION * 0, LESION, OTHER | LESION, OTHER], -1)
        values[frame] = np.roll(values[frame], 3 * frame, axis=1)
    return values


@pytest.mark.parametrize("folder", ["data", "tracks/track_0/data"])
@pytest.mark.parametrize("grid", [GRID, np.stack([GRID] * len(CINE))])
def test_masks_of_zea_are_one_a_label_and_frame(folder: str, grid: Any) -> None:
    values = drawn_by_zea()
    scan = read(zea(values, CHAMBERS, folder, grid=grid))
    found, flags = within(scan, None)

    assert (scan.flags, flags) == ((), frozenset())
    assert np.array_equal(CINE, np.stack(list(scan.frames())))
    assert {
        ("segmentation-1", "heart.echo", 1),
        ("segmentation-2", "liver", 1),
        ("segmentation-3", "", 1),
        ("segmentation-1", "heart.echo", 3),
        ("segmentation-2", "liver", 3),
        ("segmentation-3", "", 3),
    } == {(one.name, one.value, one.frame) for one in found}
    for one in found:
        assert np.array_equal(values[one.frame, :, :, int(one.name[-1])], one.mask)


def test_an_adapter_says_what_labels_of_zea_mean_by_their_numbers() -> None:
    rule = Mask(labels={"1": "left_ventricle", "2": "liver", "3": "lesion"})

    found = marked(zea(drawn_by_zea(), CHAMBERS), (rule, "some-collection"))

    assert {("left_ventricle", 1), ("liver", 1), ("lesion", 1), ("left_ventricle", 3),
            ("liver", 3), ("lesion", 3)} == {(one.name, one.frame) for one in found}  # fmt: skip


@pytest.mark.parametrize("labels", [None, ["too", "few"]])
def test_labels_of_zea_without_names_have_numbers(labels: Any) -> None:
    found = marked(zea(drawn_by_zea()[..., 1:], labels))

    assert {"segmentation-1", "segmentation-2", "segmentation-3"} == {one.name for one in found}
    assert {""} == {one.value for one in found}


def test_one_label_of_zea_is_a_mask_of_each_frame() -> None:
    found = marked(zea(np.stack([LESION] * 5)[..., None], ["thyroid"]))

    assert [("segmentation", frame) for frame in range(5)] == [
        (one.name, one.frame) for one in found
    ]


@pytest.mark.parametrize(
    "others",
    [
        {"grid": GRID[::-1]},  # upside down
        {"grid": GRID * 2},
        {"beside": "tracks/track_1/data"},
        {"values": drawn_by_zea()[:4]},
    ],
)
@pytest.mark.parametrize("labels", [CHAMBERS, CHAMBERS[1:2]])
def test_masks_of_zea_that_lie_elsewhere_are_left_out_and_told(others: Any, labels: Any) -> None:
    values = others.get("values", drawn_by_zea())[..., : len(labels)]

    scan = read(zea(values, labels, **others))

    assert scan.masks == ()
    assert scan.flags == ("mask_mismatch",)


def test_labels_of_zea_in_another_file_are_not_followed(tmp_path: Any) -> None:
    (tmp_path / "other.h5").write_bytes(hdf5({"labels": np.array([b"liver"] * 3)}))
    out = io.BytesIO(zea(drawn_by_zea()[..., 1:], None))
    with h5py.File(out, "a") as file:
        file["data/segmentation/labels"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "labels")

    assert {""} == {one.value for one in marked(out.getvalue())}


KEY = SiteKey.of("st-elsewhere", secrets.token_bytes(32))


def carried(data: bytes) -> ObjectResult:
    site = SiteConfig(site="st-elsewhere", bucket="b")
    sighting = SightingRow("l", "o", "c", "st-elsewhere", "u", "", -1, 0, len(data))
    task = ObjectTask.alone(data, sighting, Origin("st-elsewhere", "u", "f"))
    return journey(task, SiteContext.of(site, KEY, JourneyConfig()))


def annotations(made: ObjectResult) -> list[AnnotationRow]:
    return [row for row in made.rows if isinstance(row, AnnotationRow)]


LARGE = make_cine(3, frames=1, size=(480, 360), burned_in=()).pictures[0]
AREA = cv2.ellipse(np.zeros(LARGE.shape, np.uint8), (240, 180), (60, 30), 20, 0, 360, 1, -1)


def test_the_mask_goes_where_the_picture_goes():
    made = carried(hdf5({"image": LARGE, "gt": AREA}))

    (row,) = annotations(made)
    drawn = cv2.imdecode(np.frombuffer(row.mask, np.uint8), cv2.IMREAD_GRAYSCALE)
    share = (drawn > 0).mean()
    assert (row.kind, row.name, row.source) == ("mask", "ground_truth", "file")
    assert 0.01 < share < 0.2
    assert made.scan.flags == ()


@pytest.mark.parametrize("dark", [False, True])
def test_a_name_written_in_a_mask_does_not_leave(dark):
    drawn = AREA.copy() * 0 + (1 if dark else 0)
    cv2.putText(drawn, "DOE JANE 1957", (110, 190), 0, 0.9, 0 if dark else 1, 2)

    made = carried(hdf5({"image": LARGE, "gt": drawn, "lesion_mask": AREA}))

    assert [row.name for row in annotations(made)] == ["mask"]
    assert made.scan.flags == ("mask_text",)


@pytest.mark.parametrize("seed", range(6))
def test_contours_and_areas_of_many_shapes_are_no_text(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((360, 480), np.uint8)
    for _ in range(rng.integers(1, 6)):
        turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        far = rng.uniform(8, 90) * (1 + 0.04 * np.cumsum(rng.normal(0, 1, 64)))
        x, y = rng.uniform(90, 390), rng.uniform(70, 290)
        line = np.stack([x + far * np.cos(turn), y + far * np.sin(turn) * rng.uniform(0.3, 1)], 1)
        thick = int(rng.choice([-1, -1, 1, 3]))
        cv2.drawContours(mask, [line.astype(np.int32)], 0, 1, thick)

    assert check_masks([mask], None, RedactConfig())


@pytest.mark.parametrize("axis", [1, 2])
def test_a_name_that_runs_through_time_in_masks_is_seen(axis):
    page = np.zeros((40, 160), np.uint8)
    cv2.putText(page, "DOE, JANE", (4, 28), 0, 0.9, 1, 2)
    masks = np.repeat(np.expand_dims(page.T, axis), 48, axis)  # (160 frames, ...)
    masks = np.pad(masks, ((0, 0), (20, 20), (20, 20)))

    assert not check_masks(list(masks), (len(masks),), RedactConfig())
    assert check_masks([AREA] * 8, (8,), RedactConfig())


@pytest.mark.parametrize(
    "arrays",
    [
        {"one": STILL, "two": CINE[1]},  # two pictures
        {"image": STILL, "mask": LESION, "coords": np.zeros((160, 200))},  # and something else
        {"image": STILL, "mask": LESION[::2, ::2]},  # of another size
        {"mask": LESION, "gt": OTHER},
        {"image": STILL},
    ],
)
def test_other_archives_of_numpy_are_opened_as_before(arrays: dict[str, Any]) -> None:
    assert is_archive(npz(arrays))


def test_an_archive_of_numpy_within_another_keeps_its_mask() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/one.npz", npz({"image": STILL, "mask": LESION, "spacing": 0.3}))

    found = [(member.name, content()) for member, content in opened(out.getvalue())]

    ((name, data),) = found
    assert name == "a/one.npz"
    assert marked(data)[0].name == "mask"


def test_a_mask_that_is_left_out_is_told_in_the_receipt_and_counted(
    rehearsal: Rehearsal,
) -> None:
    """Of a clip, and of nobody knows which frame."""
    folder = rehearsal.site("here")
    (folder / "clip.npz").write_bytes(npz({"image": CINE, "mask": LESION}))
    (folder / "still.npz").write_bytes(npz({"image": STILL, "mask": LESION}))

    rehearsal.run("run")

    told = {one["file"]: one["sentence"] for one in rehearsal.run("site", "receipt", "here")}
    assert told == {
        "clip.npz": "A mask in it is of another size, or of nobody knows which of its pictures "
        "(of a clip send one of each frame, or pictures and masks with numbers), or what is drawn "
        "may lie as the file says that it is turned, or not (send the picture as it is shown): it "
        "is left out.",
        "still.npz": "",
    }
    assert rehearsal.run("status")["masks_left_out"] == 1
    assert rehearsal.lake.read("annotations", ["name"]).column(0).to_pylist() == ["mask"]

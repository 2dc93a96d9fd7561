"""Masks and rows become annotations only where the adapter has a name for what they say."""

from __future__ import annotations

import io
import json
import zipfile

import cv2
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.arrays.scan import reverse
from echoatlas.pipeline.read.turns import oriented
from echoatlas.pipeline.sidecars.annotations import given, in_codes, labeled
from echoatlas.pipeline.sidecars.collection import (
    Attached,
    CompanionReader,
    companions,
    is_companion,
)
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Scan
from echoatlas.simulate import make_cine
from echoatlas.taxonomy.collections import Layout, load
from echoatlas.taxonomy.collections.annotations import Mask, split_code
from tests.helpers.arrays import mha

SCAN = Scan("avi", "", 60, 112, 112, lambda: iter(()))


def site(collection):
    return SiteConfig(site="s", bucket="b", collection=collection)


def read_from(files):
    return lambda name: files[name].encode() if isinstance(files[name], str) else files[name]


def beside(collection, picture, files):
    """What lies beside a picture among these files."""
    known = companions(site(collection), [picture, *files])
    shelf = CompanionReader(site(collection), read_from(files), {})
    return shelf.beside(picture, known.of(picture))


def of(collection, picture, files, scan=SCAN):
    attached = beside(collection, picture, files)
    adapter = load(collection)
    facts = adapter.facts(picture, attached.row)
    return given(attached, facts, adapter, scan, ReadConfig())


TRACINGS = """FileName,X1,Y1,X2,Y2,Frame
0X1A.avi,50,20,60,90,46
0X1A.avi,40,30,70,30,46
0X1A.avi,51,21,61,91,52
0XFF.avi,1,2,3,4,46
"""
LIST = "FileName,EF,ESV,EDV,FPS,Split\n0X1A,55.5,44,99,50,VAL\n0XFF,n/a,1,2,50,TRAIN\n"


def test_an_echo_has_its_volumes_split_and_traced_frames():
    files = {"E/FileList.csv": LIST, "E/VolumeTracings.csv": TRACINGS}

    found, flags = of("echonet-dynamic", "E/Videos/0X1A.avi", files)

    scalars = {one.name: (one.number, one.unit) for one in found if one.kind == "scalar"}
    points = {one.frame: one.points for one in found if one.kind == "keypoints"}
    row = beside("echonet-dynamic", "E/Videos/0X1A.avi", files).row
    assert scalars == {
        "ejection_fraction": (55.5, "%"),
        "end_systolic_volume": (44.0, "mL"),
        "end_diastolic_volume": (99.0, "mL"),
    }
    assert points[46] == ((50, 20), (60, 90), (40, 30), (70, 30))
    assert set(points) == {46, 52}
    assert load("echonet-dynamic").facts("E/Videos/0X1A.avi", row)["split"] == "val"
    assert flags == frozenset()


def marked(found):
    return {one.name: np.argwhere(one.mask).tolist() for one in found if one.kind == "mask"}


SQUARE = [[10, 20], [13, 20], [13, 22], [10, 22]]
CASE = """<?xml version="1.0" encoding="UTF-8"?>
<case><number>100</number><age>49</age><tirads>4a</tirads>
<mark><image>1</image><svg>[{"points": %s, "annotation": {}, "regionType": "freehand"}]</svg></mark>
<mark><image>2</image><svg></svg></mark></case>"""


def test_a_case_of_ddti_outlines_its_pictures():
    points = json.dumps([{"x": x, "y": y} for x, y in SQUARE])
    files = {"ddti/100.xml": CASE % points}

    first, flags = of("ddti", "ddti/100_1.jpg", files)
    second, _ = of("ddti", "ddti/100_2.jpg", files)
    other, _ = of("ddti", "ddti/101_1.jpg", files)

    assert len(marked(first)["thyroid_nodule"]) == 12
    assert [one.value for one in first if one.kind == "class"] == ["TI-RADS 4a"]
    assert [one.kind for one in second] == ["class"]
    assert other == []
    assert flags == frozenset()


def test_an_xml_file_with_entities_of_its_own_is_not_read():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + CASE.partition("?>")[2] % "[]"

    assert of("ddti", "ddti/100_1.jpg", {"ddti/100.xml": bomb})[0] == []


@pytest.mark.parametrize(
    ("collection", "picture", "files", "facts"),
    [
        ("gbcu", "imgs/im00001.jpg", {"test.txt": "im00001.jpg,2\nim00002.jpg,0\n"},
         ("test", "malignant")),
        ("mmotu-2d", "OTU_2d/images/7.JPG",
         {"OTU_2d/train_cls.txt": "6.JPG  0\n7.JPG  3\n", "OTU_2d/val.txt": "8\n"},
         ("train", "theca cell tumor")),
        ("mmotu-2d", "OTU_2d/images/8.JPG", {"OTU_2d/val.txt": "8\n"}, ("val", None)),
    ],
)  # fmt: skip
def test_a_list_of_names_is_the_split_of_its_authors(collection, picture, files, facts):
    row = beside(collection, picture, files).row
    told = load(collection).facts(picture, row)

    assert facts == (told["split"], told.get("class"))


def test_an_echo_has_what_its_view_was_measured_at():
    folder = "database_nifti/patient0001/"
    files = {
        f"{folder}Info_2CH.cfg": "ED: 1\nES: 18\nSex: F\nImageQuality: Good\nLVef: 47.5\n",
        f"{folder}Info_4CH.cfg": "ED: 1\nImageQuality: Poor\nLVef: 52\n",
        "database_nifti/patient0002/Info_2CH.cfg": "ImageQuality: Medium\nEF: 11\n",
    }

    found, _ = of("camus", f"{folder}patient0001_2CH_ED.nii.gz", files)

    assert [(one.name, one.value or one.number) for one in found] == [
        ("ejection_fraction", 47.5), ("image_quality", "good")
    ]  # fmt: skip


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def test_an_array_of_numpy_is_a_clip_and_its_mask():
    volume = make_cine(0, frames=5, size=(60, 40)).pictures.astype(np.float64)
    drawn = np.zeros((5, 40, 60), np.int64)
    drawn[3, 10:20, 5:9] = 1
    scan = read(npy(volume))

    found, flags = of("asus", "D/001_ultrasound.npy", {"D/001_segmentation.npy": npy(drawn)}, scan)

    assert (scan.format, scan.declared_frames, scan.height, scan.width) == ("npy", 5, 40, 60)
    assert {one.frame: int(np.count_nonzero(one.mask)) for one in found}[3] == 40
    assert flags == frozenset()


def nifti_as_of(kind, values):
    """What nibabel makes of an array saved under the header of a volume of this type."""
    header = nibabel.Nifti1Image(np.zeros((40, 60, 1), kind), np.eye(4)).header
    return nibabel.Nifti1Image(values.T[:, :, None], np.eye(4), header).to_bytes()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("labels", [{1}, {3}, {1, 3}, {1, 2, 3}])
@pytest.mark.parametrize("real", [np.float32, np.float64, np.int64])
def test_labels_saved_as_real_numbers_are_whole(kind, labels, real):
    """``findings/labels_of_a_mask.sh``."""
    drawn = np.zeros((60, 40))
    for label in labels:
        drawn[10 * label : 10 * label + 8, 5:15] = label
    scan = Scan("nifti", "", 1, 60, 40, lambda: iter(()))
    base = "C/patient0001/patient0001_2CH_ED"
    mask = {f"{base}_gt.nii.gz": nifti_as_of(kind, drawn.astype(real))}

    found, flags = of("camus", f"{base}.nii.gz", mask, scan)

    names = ["left_ventricle", "myocardium", "left_atrium"]
    masks = {one.name: one.mask for one in found if one.kind == "mask"}
    assert (flags, set(masks)) == (frozenset(), {names[label - 1] for label in labels})
    for label in labels:
        assert np.array_equal(masks[names[label - 1]], drawn == label)


SHOWN = make_cine(1, frames=1, size=(160, 120), burned_in=()).pictures[0]
LESION = np.zeros_like(SHOWN)
LESION[20:50, 30:60] = 1
AFFINES = [
    np.diag([x * right, y * front, 1.0, 1.0])
    for x, y in ((0.4, 0.3), (1.0, 1.0))
    for right in (1, -1)
    for front in (1, -1)
]
MOVED = [affine + np.outer([31, -17, 5, 0], [0, 0, 0, 1]) for affine in AFFINES]


def volume(picture, affine):
    return nibabel.Nifti1Image(picture.T[:, :, None], affine)


def laid_over(picture, mask):
    """A picture as it is shown, and its mask as it comes out."""
    scan = read(picture.to_bytes())
    rule = Layout(path="mask", role="mask", mask=Mask(labels={"1": "lesion", "2": "cyst"}))
    (found,), flags = given(
        Attached(((rule, mask.to_bytes()),)), {}, load("busi"), scan, ReadConfig()
    )
    assert flags == frozenset()
    (shown,) = scan.frames()
    return shown, found.mask


@pytest.mark.parametrize("affine", [*AFFINES, *MOVED])
@pytest.mark.parametrize("turned", ["mask", "picture", "both", "none"])
def test_a_mask_that_was_turned_to_the_bodys_axes_lies_where_it_was_drawn(affine, turned):
    """As MONAI, TorchIO and nibabel turn them: values in another order, an affine that says so."""
    picture, mask = volume(SHOWN, affine), volume(LESION, affine)
    if turned in ("picture", "both"):
        picture = nibabel.as_closest_canonical(picture)
    if turned in ("mask", "both"):
        mask = nibabel.as_closest_canonical(mask)

    shown, found = laid_over(picture, mask)

    ways = [
        (flipped, mirrored)
        for flipped in (1, -1)
        for mirrored in (1, -1)
        if np.array_equal(SHOWN[::flipped, ::mirrored], shown)
    ]
    ((flipped, mirrored),) = ways
    assert np.array_equal(LESION[::flipped, ::mirrored], found)


@pytest.mark.parametrize("size", [(0.4, 0.3), (1.0, 1.0)])
@pytest.mark.parametrize("turned", ["mask", "picture", "both", "none"])
def test_a_mask_lies_where_it_was_drawn_also_if_its_picture_states_no_axes(size, turned):
    """Then nibabel supposes some, and writes them when it turns the volume."""
    volumes = {}
    for name, values in (("picture", SHOWN), ("mask", LESION)):
        made = volume(values, None)
        made.header.set_zooms((*size, 1.0))
        one = nibabel.Nifti1Image.from_bytes(made.to_bytes())
        assert (one.header["sform_code"], one.header["qform_code"]) == (0, 0)
        volumes[name] = nibabel.as_closest_canonical(one) if turned in (name, "both") else one

    shown, found = laid_over(volumes["picture"], volumes["mask"])

    ways = [(one, other) for one in (1, -1) for other in (1, -1)]
    ((flipped, mirrored),) = [
        way for way in ways if np.array_equal(SHOWN[:: way[0], :: way[1]], shown)
    ]
    assert np.array_equal(LESION[::flipped, ::mirrored], found)


def by_metaimage(values, x, y):
    """x and y: where the first column and row lie, and the step to the next, millimeters."""
    turn = f"{np.sign(x[1])} 0 0 {np.sign(y[1])}"
    where = {"Offset": f"{x[0]} {y[0]}", "ElementSpacing": f"{abs(x[1])} {abs(y[1])}"}
    return mha(values, TransformMatrix=turn, **where)


def by_nrrd(values, x, y, space="left-posterior-superior"):
    sides = f"{values.shape[1]} {values.shape[0]}"
    head = (
        f"NRRD0004\ntype: uchar\ndimension: 2\nsizes: {sides}\nspace: {space}\nencoding: raw\n"
        f"space directions: ({x[1]},0,0) (0,{y[1]},0)\nspace origin: ({x[0]},{y[0]},0)\n\n"
    )
    return head.encode() + values.tobytes()


def by_nrrd_to_the_right(values, x, y):
    x, y = ((-start, -step) for start, step in (x, y))
    return by_nrrd(values, x, y, "right-anterior-superior")


@pytest.mark.parametrize("write", [by_metaimage, by_nrrd, by_nrrd_to_the_right])
@pytest.mark.parametrize("flipped", [1, -1])
@pytest.mark.parametrize("mirrored", [1, -1])
def test_a_mask_lies_where_its_file_says_in_other_formats_too(write, flipped, mirrored):
    x, y = (31.0, 0.4), (-17.0, 0.3)
    height, width = LESION.shape
    at = reverse(x, width) if mirrored < 0 else x, reverse(y, height) if flipped < 0 else y
    scan = read(by_nrrd(SHOWN, x, y) if write is not by_metaimage else write(SHOWN, x, y))
    mask = write(np.ascontiguousarray(LESION[::flipped, ::mirrored]), *at)
    rule = Layout(path="mask", role="mask", mask=Mask(labels={"1": "lesion", "2": "cyst"}))

    ((found,), _) = given(Attached(((rule, mask),)), {}, load("busi"), scan, ReadConfig())

    assert np.array_equal(SHOWN, next(iter(scan.frames())))
    assert np.array_equal(LESION, found.mask)


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([0.4, 0.3, 1, 1])])
def test_a_mask_with_an_affine_of_no_meaning_lies_as_its_values_do(affine):
    shown, found = laid_over(volume(SHOWN, np.diag([-0.4, -0.3, 1, 1])), volume(LESION, affine))

    assert np.array_equal(SHOWN, shown)
    assert np.array_equal(LESION, found)


def test_a_mask_of_zeros_and_ones_is_its_one_label_whatever_an_adapter_calls_it():
    for level in (1, 255):
        drawn = np.zeros((60, 60), np.uint8)
        drawn[5:15] = level

        for label in ("1", "127", "255"):
            assert labeled(drawn, Mask(labels={label: "rib"}))["rib"].sum() == 600


def in_color(values, kind=np.uint8):
    return cv2.imencode(".png", np.repeat(values.astype(kind)[..., None], 3, axis=2))[1]


def with_palette(values):
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette([level for level in range(256) for _ in range(3)])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def with_colors(values):
    """A palette as labelme, VOC and Pillow's own mode "P" have it: a color for each number."""
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette([(37 * one * part) % 256 for one in range(256) for part in (1, 3, 5)])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def tiff(kind):
    def write(values):
        stream = io.BytesIO()
        tifffile.imwrite(stream, values.astype(kind))
        return stream.getvalue()

    return write


WRITERS = {
    "gray": lambda values: cv2.imencode(".png", values.astype(np.uint8))[1],
    "deep": lambda values: cv2.imencode(".png", values.astype(np.uint16))[1],
    "color": in_color,
    "deep color": lambda values: in_color(values, np.uint16),
    "palette": with_palette,
    "palette of colors": with_colors,
    **{f"tiff {kind}": tiff(kind) for kind in ("u1", "u2", "i2", "i4", "f4", "f8")},
    **{f"npy {kind}": lambda v, k=kind: npy(v.astype(k)) for kind in ("u1", "i8", "f4", "f8")},
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
@pytest.mark.parametrize("rule", [(1, 2, 3), (7, 8), (127, 255)])
def test_a_label_is_where_it_was_drawn_whatever_holds_it(write, rule):
    """Also if few of the labels are there, and if all three channels of a color say the number."""
    names = {str(label): f"label {label}" for label in rule}
    for there in [rule, rule[:1], rule[-1:]]:
        drawn = np.zeros((60, 40), np.int64)
        for place, label in enumerate(there):
            drawn[16 * place : 16 * place + 12, 5:15] = label

        (picture,) = read(bytes(write(drawn)), ReadConfig(masks=True, numbers=True)).frames()
        found = labeled(picture, Mask(labels=names))

        assert {name for name, inside in found.items() if inside.any()} == {
            names[str(label)] for label in there
        }
        for label in there:
            assert np.array_equal(found[names[str(label)]], drawn == label)


@pytest.mark.parametrize("values", [np.array([{"a": 1}] * 400).reshape(20, 20), np.zeros(3)])
def test_an_array_that_is_no_picture_is_refused_and_never_unpickled(values):
    with pytest.raises(Reject) as refused:
        read(npy(values))

    assert refused.value.reason.value == "no_pixels"


def test_what_is_no_number_is_no_scalar():
    found, _ = of("echonet-dynamic", "E/Videos/0XFF.avi", {"E/FileList.csv": LIST})

    assert "ejection_fraction" not in {one.name for one in found}


def test_a_box_of_left_top_width_and_height_becomes_corners():
    table = 'ID,Pathology,BIRADS,BBOX\nbus_0001-l,malignant,4,"[10,20,30,40]"\n'

    found, _ = of("bus-bra", "B/Images/bus_0001-l.png", {"B/bus_data.csv": table})

    assert [one.points for one in found if one.kind == "box"] == [((10, 20), (40, 60))]
    assert {(one.name, one.value) for one in found if one.kind == "class"} == {
        ("pathology", "malignant"), ("bi_rads", "4"),
    }  # fmt: skip


def test_a_class_that_the_adapter_does_not_list_stays_behind():
    table = "ID,Pathology,BIRADS\nbus_0001-l,Mrs Doe,see Dr. Smith\n"

    found, _ = of("bus-bra", "B/Images/bus_0001-l.png", {"B/bus_data.csv": table})

    assert found == []


def test_a_text_leaves_as_codes():
    told = in_codes("Jane Doe: left kidney, no liver")

    assert told == "kidney laterality.left"


def test_a_picture_in_place_of_a_mask_is_no_mask():
    picture = np.random.default_rng(0).integers(0, 255, (60, 60)).astype(np.uint8)

    with pytest.raises(Reject, match="mask_unlike"):
        labeled(picture, Mask())
    with pytest.raises(Reject, match="mask_unlike"):
        labeled(picture, Mask(labels={"1": "a", "2": "b"}))


def test_a_mask_that_was_compressed_is_still_a_mask():
    drawn = np.zeros((100, 100), np.uint8)
    drawn[30:60, 40:80] = 255
    lossy = cv2.imdecode(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], 0)

    inside = labeled(lossy, Mask())["lesion"]

    assert np.count_nonzero(inside != (drawn > 0)) < 20


def test_colors_name_structures_and_an_outline_means_its_inside():
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[5:15, 5:15], picture[30:40, 30:40] = (255, 0, 0), (0, 255, 0)
    ring = np.zeros((50, 50), np.uint8)
    cv2.rectangle(ring, (10, 10), (29, 29), 255, 1)

    told = labeled(picture, Mask(labels={"#ff0000": "vein", "#00ff00": "nerve"}))
    filled = labeled(ring, Mask(name="head", outline=True))["head"]

    assert {name: int(inside.sum()) for name, inside in told.items()} == {"vein": 100, "nerve": 100}
    assert filled.sum() == 400


@pytest.mark.parametrize("labels", [{"2": "nerve", "5": "vein"}, {"#4ade72": "nerve"}])
@pytest.mark.parametrize("small", [False, True])
def test_numbers_are_those_of_a_palette_and_colors_are_its_colors(labels, small):
    drawn = np.zeros((60, 40), np.int64)
    drawn[(slice(3, 6), slice(5, 8)) if small else (slice(10, 50), slice(5, 30))] = 2
    rule = Layout(path="mask", role="mask", mask=Mask(labels=labels))
    scan = Scan("png", "", 1, 60, 40, lambda: iter(()))

    masks = ((rule, with_colors(drawn)),)
    found, flags = given(Attached(masks), {}, load("busi"), scan, ReadConfig())

    assert ([one.name for one in found], flags) == (["nerve"], frozenset())
    assert np.array_equal(found[0].mask, drawn == 2)


def test_masks_that_cannot_be_used_are_flagged_and_cost_nothing_else():
    scan = Scan("png", "", 1, 50, 50, lambda: iter(()))
    files = {
        "D/benign/benign (1)_mask.png": b"no picture",
        "D/benign/benign (1)_mask_1.png": cv2.imencode(".png", np.zeros((9, 50)))[1].tobytes(),
    }

    found, flags = of("busi", "D/benign/benign (1).png", files, scan)

    assert [one.value for one in found] == ["benign"]
    assert flags == {"mask_unreadable", "mask_mismatch"}


def test_a_polygon_is_filled_and_what_is_none_is_flagged():
    scan = Scan("jpeg", "", 1, 50, 60, lambda: iter(()))
    files = {
        "Benign/segmentation/liver/7.json": "[[10, 20], [39, 20], [39, 29], [10, 29]]",
        "Benign/segmentation/mass/7.json": '[["Jane", "Doe"]]',
        "Malignant/segmentation/liver/7.json": "[[0, 0], [5, 0], [5, 5]]",
    }

    found, flags = of("aul", "Benign/image/7.jpg", files, scan)

    (mask,) = [one for one in found if one.kind == "mask"]
    assert (mask.name, int(mask.mask.sum())) == ("liver", 300)
    assert flags == {"mask_unreadable"}


def test_boxes_of_a_nested_list_come_one_by_one():
    table = (
        '{"im1.jpg": {"dim": [90, 80], "bbs": [["nml", [1, 2, 30, 40]], ["stn", [5, 6, 7, 8]]]}}'
    )

    found, _ = of("gbcu", "imgs/im1.jpg", {"bbox_annot.json": table})

    assert [one.points for one in found] == [((1, 2), (30, 40)), ((5, 6), (7, 8))]


def test_masks_in_an_archive_are_found_in_it_and_only_those_of_the_batch_are_held():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"benign/benign ({number}).png", f"picture {number}")
            archive.writestr(f"benign/benign ({number})_mask.png", f"mask {number}")
    shelf = CompanionReader(
        site("busi"), read_from({"a.zip": packed.getvalue()}), {"a.zip": frozenset({0})}
    )

    attached = shelf.beside("a.zip!benign/benign (1).png", ())

    assert [data for _, data in attached.masks] == [b"mask 1"]
    assert set(shelf._archives["a.zip"].held) == {"a.zip!benign/benign (1)_mask.png"}


def test_masks_in_an_archive_of_their_own_are_tied_to_pictures_in_another_and_to_loose_ones():
    def packed(names):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name in names:
                archive.writestr(name, name)
        return stream.getvalue()

    masks = [f"kidneyUS-main/labels/reviewed_masks_1/capsule/{n}_a.png" for n in (1, 2, 3)]
    files = {"images.zip": packed(["images/1_a.png"]), "kidneyUS-main.zip": packed(masks)}

    def read(name):
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    shelf = CompanionReader(
        site("kidneyus"), read, {"images.zip": frozenset({0})},
        ("images/2_a.png",), ("kidneyUS-main.zip", "gone.zip"),
    )  # fmt: skip

    archived = shelf.beside("images.zip!images/1_a.png", ())
    loose = shelf.beside("images/2_a.png", ())

    assert [data.decode() for _, data in archived.masks] == masks[:1]
    assert [data.decode() for _, data in loose.masks] == masks[1:2]
    assert len(shelf._apart["kidneyUS-main.zip"].held) == 2


def test_a_mask_that_vanished_costs_itself_alone():
    def read(name):
        raise FileNotFoundError(name)

    known = companions(site("busi"), ["benign/benign (1).png", "benign/benign (1)_mask.png"])
    shelf = CompanionReader(site("busi"), read, {})

    assert len(known.of("benign/benign (1).png")) == 1
    assert shelf.beside("benign/benign (1).png", known.of("benign/benign (1).png")) == Attached()


def test_without_an_adapter_nothing_is_a_companion():
    plain = SiteConfig(site="s", bucket="b")

    assert not is_companion(plain, "D/benign/benign (1)_mask.png")
    assert companions(plain, ["D/benign/benign (1)_mask.png"]).names == frozenset()
    assert CompanionReader(plain, read_from({}), {}).beside("x.png", ()) == Attached()


@pytest.mark.parametrize(
    ("written", "code"),
    [("TRAIN", "train"), ("trainval", "train"), ("Test", "test"), ("validation", "val"),
     ("3", "fold-3"), ("fold 07", "fold-7"), ("Dr. Doe", ""), ("", "")],
)  # fmt: skip
def test_a_split_is_one_of_few_words(written, code):
    assert split_code(written) == code


def photo(turn: int, size: tuple[int, int]) -> bytes:
    """A JPEG of (H, W) as it is coded, that says how it is turned."""
    exif = Image.Exif()
    exif[0x0112] = turn
    out = io.BytesIO()
    gray = np.tile(np.arange(size[1], dtype=np.uint8), (size[0], 1))
    Image.fromarray(gray).save(out, "jpeg", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_mask_lies_where_it_was_drawn_on_a_picture_that_says_how_it_is_turned(turn):
    """Programs show such a picture turned (labelme, OpenCV), or as it is coded (Pillow)."""
    scan = read(photo(turn, (40, 60)))
    coded = np.zeros((40, 60), np.uint8)
    coded[5:10, 20:50] = 255
    shown = np.ascontiguousarray(oriented(coded, turn))

    name = "D/benign/benign (1){}.png"
    drawn = [cv2.imencode(".png", one)[1].tobytes() for one in (coded, shown)]
    both = [of("busi", name.format(""), {name.format("_mask"): one}, scan) for one in drawn]

    for found, flags in both:
        masks = [one.mask for one in found if one.kind == "mask"]
        if turn < 5:  # of one size either way
            assert (masks, flags) == ([], {"mask_mismatch"})
        else:
            assert flags == frozenset()
            assert np.array_equal(masks[0] > 0, shown > 0)


@pytest.mark.parametrize(("turn", "there"), [(1, 1), (3, 0), (6, 0)])
def test_outlines_and_boxes_of_a_picture_that_says_how_it_is_turned_may_be_of_either(turn, there):
    scan = read(photo(turn, (40, 60)))
    outline = {"Benign/segmentation/liver/7.json": "[[10, 20], [39, 20], [39, 29], [10, 29]]"}

    found, flags = of("aul", "Benign/image/7.jpg", outline, scan)

    assert there == sum(one.kind == "mask" for one in found)
    assert flags == (frozenset() if there else {"mask_mismatch"})

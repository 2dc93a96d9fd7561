"""Made-up sites, each with its own devices, formats and habits of saying what was scanned."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.schemas.fan import Shape
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.other_formats import write_gif, write_jpeg, write_png, write_video
from echoatlas.simulate.identities import Identity, make_identity
from echoatlas.simulate.pictures.scans import SimulatedScan, make_cine, make_still

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

J = "1.2.840.10008.1.2.4."


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that a site uploads, with what is true of it.

    Attributes:
        path: UPLOAD/... below the site's folder.
        members: for an archive, (name, truth) of each object in it.
    """

    path: str
    data: bytes
    status: str = "kept"
    reasons: tuple[str, ...] = ()
    scan: SimulatedScan | None = None
    near: str = ""
    format: str = ""
    members: tuple[tuple[str, Drop], ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A made-up site: its configuration, and what it drops for a number of scans and a seed."""

    config: dict[str, Any]
    share: int
    drops: Callable[[int, int], Iterator[Drop]]


def _kept(path: str, data: bytes, scan: SimulatedScan, kind: str, near: str = "") -> Drop:
    return Drop(path, data, scan=scan, format=kind, near=near)


def _gained(scan: SimulatedScan, gain: float) -> SimulatedScan:
    """The same pictures at another gain, as when a scan is exported twice."""
    brighter = np.clip(scan.pictures.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    return replace(scan, pictures=brighter, seed=scan.seed + 500)


def _cropped(scan: SimulatedScan) -> SimulatedScan:
    """The pictures cut to the first fan's box, as research collections publish them."""
    box = scan.fans[0].bounding_box(scan.height, scan.width)
    right, bottom = box.width - 1, box.height - 1
    whole = replace(
        scan.fans[0],
        shape=Shape.CROPPED,
        corners=((0, 0), (right, 0), (right, bottom), (0, bottom)),
    )
    pictures = scan.pictures[:, box.y0 : box.y1, box.x0 : box.x1]
    return replace(scan, pictures=pictures, fans=(whole,), texts=())


def hospital(count: int, seed: int) -> Iterator[Drop]:
    """Stills with descriptions, in many syntaxes; patients come back, exports come twice."""
    plans = (
        ("convex", "abdomen/liver", "1.2.840.10008.1.2.1", "philips"),
        ("convex", "abdomen/kidney", J + "50", "siemens"),
        ("linear", "head_neck/thyroid", J + "90", "acuson"),
        ("endocavity", "pelvis/ovary", "1.2.840.10008.1.2", "voluson"),
        ("convex", "pelvis/urinary_bladder", J + "80", "logiq-e"),
        ("trapezoid", "thorax/breast", J + "70", "mindray"),
        ("linear", "head_neck/carotid_artery", "1.2.840.10008.1.2.2", "logiq-700"),
    )
    first = b""
    for number in range(count):
        shape, anatomy, syntax, screen = plans[number % len(plans)]
        scan = make_still(
            seed + number,
            fan=shape,
            anatomy=anatomy,
            screen=screen,
            identity=make_identity(seed + number // 3),
            color=number % 2 == 1,
            mode="color_doppler" if screen == "logiq-700" else "b_mode",
            panes=2 if number % 8 == 4 else 1,
            extras=("calipers", "body_mark") if number % 2 else (),
        )
        data = write_dicom(scan, syntax, says={"exam", "study", "series", "body_part"})
        first = first or data
        near = f"hospital-{number}" if number % 5 == 0 else ""
        yield _kept(f"2026-11-03/US{number:04}.dcm", data, scan, "dicom", near)
        if near:
            again = _gained(scan, 0.93)
            data = write_dicom(again, J + "50", quality=85)
            yield _kept(f"2026-11-04/reexport/US{number:04}", data, again, "dicom", near)
    yield Drop("2026-11-04/copy of US0000.dcm", first, "duplicate", format="dicom")
    yield Drop("2026-11-04/cut.dcm", first[: len(first) // 3], "rejected", TORN, format="dicom")
    ct = make_still(seed + 900, identity=make_identity(seed), screen="none")
    other = write_dicom(
        ct, overrides={"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}
    )
    yield Drop("2026-11-04/topogram.dcm", other, "rejected", FOREIGN, format="dicom")


TORN = ("truncated", "unreadable", "frame_mismatch")
FOREIGN = ("not_ultrasound", "unknown_sop_class")
NO_SCAN = ("no_fan", "not_ultrasound", "no_dynamic_range", "geometry_disagrees", "not_imaging")


def echo_lab(count: int, seed: int) -> Iterator[Drop]:
    """Cardiac cines, RLE and palettes; only ImageType says what they are."""
    for number in range(count):
        scan = make_cine(
            seed + number,
            frames=24,
            fan="phased",
            anatomy="thorax/heart",
            screen="atl" if number % 3 == 2 else "philips",
            size=(800, 600),
            extras=("ecg",) if number % 2 else (),
            identity=make_identity(seed + number // 2),
            frame_time=25.0,
        )
        photometric = "PALETTE COLOR" if number % 2 else "MONOCHROME2"
        syntax = ("1.2.840.10008.1.2.5", J + "50", "1.2.840.10008.1.2.1")[number % 3]
        if syntax == J + "50":
            photometric = "MONOCHROME2"
        data = write_dicom(
            scan, syntax, photometric, says={"exam"}, palette_bits=8 if number % 4 == 1 else 16
        )
        yield _kept(f"echo_{number // 2}/IM_{number:04}", data, scan, "dicom")


def breast_collection(count: int, seed: int) -> Iterator[Drop]:
    """A research folder of cropped PNGs by class, with a table beside it."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["filename", "patient_id", "label", "birthdate"])
    for number in range(count):
        who = make_identity(seed + number // 2)
        scan = make_still(
            seed + number, fan="linear", anatomy="thorax/breast", screen="none", identity=who
        )
        cropped = _cropped(scan)
        label = ("benign", "malignant", "normal")[number % 3]
        name = f"{label}/case_{number:03}.png"
        rows.writerow([name, who.patient_id, label, who.birth_date])
        near = "" if number else "shared-breast"
        yield _kept(f"v1/{name}", write_png(cropped), cropped, "png", near)
    yield Drop("v1/labels.csv", table.getvalue().encode(), "table", format="csv")
    yield Drop("v1/notes.docx.txt", b"See the table.\n", "rejected", ("unsupported_format",))


def bedside(count: int, seed: int) -> Iterator[Drop]:
    """Point-of-care clips whose file names are the patients' names."""
    for number in range(count):
        who = make_identity(seed + number)
        scan = make_cine(
            seed + number,
            frames=16,
            fan=("convex", "phased")[number % 2],
            anatomy="thorax/lung",
            screen="none",
            identity=who,
            burned_in=[(who.shown, "banner"), (who.patient_id, "fan")],
            color=True,
            frame_time=50.0,
        )
        kind = ("mp4", "avi", "mp4", "gif")[number % 4]
        data = (
            write_gif(scan)
            if kind == "gif"
            else write_video(scan, kind, "libx264" if kind == "mp4" else "mpeg4")
        )
        stem = f"{who.shown.split()[0].strip(',')}_{who.patient_id}"
        yield _kept(f"ward 7/{stem}_lung{number}.{kind}", data, scan, kind)
    yield Drop("ward 7/empty.mp4", b"", "rejected", ("empty",))
    yield Drop("ward 7/broken.mp4", b"\0\0\0\x18ftypmp42" + bytes(64), "rejected", BROKEN)


BROKEN = (*TORN, "unsupported_format", "unsupported_codec", "no_pixels")


def obstetrics(count: int, seed: int) -> Iterator[Drop]:
    """Zip archives of DICOM, one a visit; one archive leads outside itself."""
    for visit in range(max(1, count // 3)):
        who = make_identity(seed + visit)
        files = []
        for number in range(3):
            scan = make_cine(
                seed + visit * 10 + number,
                frames=1 if number else 8,
                fan="convex",
                anatomy="fetus/fetal_head",
                screen="voluson",
                size=(800, 600),
                extras=("calipers",) if number == 2 else (),
                identity=who,
            )
            data = write_dicom(scan, J + ("50", "91", "201")[number], says={"exam", "study"})
            files.append((f"IMAGES/{number:08}", _kept("", data, scan, "dicom")))
        name = f"week45/{who.shown.split()[0].strip(',')}_{visit}.zip"
        yield Drop(name, _zip([(path, one.data) for path, one in files]), members=tuple(files))
    bad = _zip([("../outside.dcm", b"DICM"), ("ok.txt", b"ok")])
    outside = Drop("", b"DICM", "rejected", ("unsafe_archive",), format="zip")
    text = Drop("", b"ok", "rejected", ("unsupported_format",), format="zip")
    yield Drop(
        "week45/nachtrag45.zip", bad, members=(("../outside.dcm", outside), ("ok.txt", text))
    )


def _zip(files: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 3, 9, 0, 0)), data)
    return buffer.getvalue()


def clinic(count: int, seed: int) -> Iterator[Drop]:
    """JPEG exports in folders named by joint, among pictures that are no scans."""
    for number in range(count):
        folder, anatomy = (("shoulder", "upper_limb/shoulder"), ("knee", "lower_limb/knee"))[
            number % 2
        ]
        who = make_identity(seed + number // 2)
        scan = make_still(
            seed + number, fan="linear", anatomy=anatomy, identity=who, screen="mindray"
        )
        near = f"clinic-{number}" if number % 4 == 0 else ""
        path = f"export/{folder}/{who.patient_id}_{number}"
        yield _kept(f"{path}.jpg", write_jpeg(scan), scan, "jpeg", near)
        if near:
            again = write_jpeg(scan, quality=70, identify=False)
            yield _kept(f"{path}_mail.jpg", again, scan, "jpeg", near)
    blank = make_still(seed, screen="none")
    plain = replace(blank, pictures=np.zeros_like(blank.pictures))
    yield Drop("export/blank.png", write_png(plain), "rejected", NO_SCAN, format="png")
    # The first scan of the breast collection also came here, under another name.
    (shared,) = (one for one in breast_collection(1, seed - 450) if one.format == "png")
    yield replace(shared, path="export/from_collection.png")


def real(count: int, seed: int) -> Iterator[Drop]:
    """Real scans that come with pydicom; what is not installed is left out."""
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    for name, region, near in REAL:
        path = get_testdata_file(name, download=False)
        if path is None:
            continue
        header: Dataset = dcmread(path, stop_before_pixels=True)
        scan = _known(header, region)
        with open(str(path), "rb") as file:  # noqa: PTH123  (pydicom gives a plain string)
            yield _kept(f"public/{name}", file.read(), scan, "dicom", near)


# Name, what it shows, and what it shows the same as: one is the other at half its size
REAL = (
    ("examples_ybr_color.dcm", "thorax/heart", ""),
    ("examples_palette.dcm", "fetus", ""),
    ("examples_rgb_color.dcm", "", "open-dicom-color"),
    ("examples_jpeg2k.dcm", "", "open-dicom-color"),
)


def _known(header: Dataset, anatomy: str) -> SimulatedScan:
    """A real scan's header as a record of truth, without its pictures."""
    blank = make_still(0, screen="none", size=(160, 120))
    shape = (int(header.get("NumberOfFrames", 1)), 1, 1)
    who = Identity(**dict.fromkeys(Identity.__slots__, ""))
    return replace(blank, pictures=np.zeros(shape, np.uint8), anatomy=anatomy, identity=who)


SITES: dict[str, Site] = {
    "st-elsewhere": Site({"license": "CC-BY-4.0", "country": "US"}, 14, hospital),
    "nirgendheim": Site({"license": "CC-BY-NC-4.0", "country": "DE"}, 12, echo_lab),
    "breast-collection": Site(
        {"license": "CC0-1.0", "labels": {"organ": "thorax/breast"}, "cropped": True},
        18,
        breast_collection,
    ),
    "ward-seven": Site(
        {
            "labels": {"organ": "thorax/lung"},
            "patient": {"source": "name", "pattern": r"_([A-K]\d{8})_"},
        },
        12,
        bedside,
    ),
    "tele-obstetrics": Site({"labels": {"organ": "fetus"}, "country": "FR"}, 9, obstetrics),
    "joint-clinic": Site({"license": "CC-BY-SA-4.0", "country": "IT"}, 10, clinic),
    "open-dicom": Site({"license": "MIT", "labels": {}}, 4, real),
}

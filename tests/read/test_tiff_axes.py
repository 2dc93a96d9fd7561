"""Pages of a TIFF that are colors, or volumes, as the description and the tags of it say."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.simulate import make_cine

CINE: NDArray[np.uint8] = make_cine(
    5, frames=4, size=(160, 120), screen="none", burned_in=(), color=True
).pictures


def tiff(values: NDArray[Any], **more: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, np.ascontiguousarray(values), **more)
    return out.getvalue()


def imagej(values: NDArray[Any], axes: str) -> bytes:
    return tiff(values, imagej=True, metadata={"axes": axes, "mode": "composite"})


def ome(values: NDArray[Any], axes: str) -> bytes:
    return tiff(values, ome=True, metadata={"axes": axes}, photometric="minisblack")


@pytest.mark.parametrize(
    "data",
    [
        imagej(CINE.transpose(0, 3, 1, 2), "TCYX"),
        ome(CINE.transpose(0, 3, 1, 2), "TCYX"),
        ome(CINE.transpose(3, 0, 1, 2), "CTYX"),
        ome(CINE.transpose(3, 0, 1, 2)[:, None], "CZTYX"),
    ],
    ids=["ImageJ", "OME, colors first", "OME, colors last", "OME, with slices"],
)
def test_pages_that_are_colors_are_colors(data: bytes) -> None:
    scan = read(data)

    assert scan.declared_frames == 4
    assert np.array_equal(np.stack(list(scan.frames())), CINE)


def test_three_pages_may_be_one_picture() -> None:
    scan = read(imagej(CINE[0].transpose(2, 0, 1), "CYX"))

    assert scan.declared_frames == 1
    assert np.array_equal(next(iter(scan.frames())), CINE[0])


@pytest.mark.parametrize(
    ("frames", "how"),
    [
        (3, {"photometric": "rgb", "planarconfig": 2}),
        (4, {"photometric": "rgb", "planarconfig": 2, "extrasamples": ["unassalpha"]}),
        (3, {"imagej": True}),
        (3, {"ome": True}),
    ],
    ids=["planes", "planes and alpha", "ImageJ", "OME"],
)
def test_a_gray_clip_of_few_frames_that_its_writer_states_as_colors_is_no_color(
    frames: int, how: Any
) -> None:
    """What imageio and tifffile write if nothing is said (``findings/three_frames_of_a_tiff``)."""
    data = tiff(
        make_cine(5, frames=frames, size=(160, 120), screen="none", burned_in=()).pictures, **how
    )

    with pytest.raises(Reject) as caught:
        read(data)

    assert caught.value.reason is Reason.AXES_UNCLEAR
    assert "state axes of frames" in caught.value.detail


def test_colors_plane_by_plane_are_colors() -> None:
    separate = tiff(CINE[0].transpose(2, 0, 1), photometric="rgb", planarconfig=2)

    assert np.array_equal(next(iter(read(separate).frames())), CINE[0])


@pytest.mark.parametrize("pack", [imagej, ome])
@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_pages_that_are_pictures_stay_pictures(pack: Any, axes: str) -> None:
    gray = CINE[:3, ..., 0]

    scan = read(pack(gray, axes))

    assert np.array_equal(np.stack(list(scan.frames())), gray)


def test_channels_of_another_number_are_refused() -> None:
    with pytest.raises(Reject) as caught:
        read(imagej(CINE[..., :2].transpose(0, 3, 1, 2), "TCYX"))

    assert caught.value.reason is Reason.AMBIGUOUS
    assert caught.value.detail == (
        "pages are 2 channels of each picture: save it as RGB, or, if they are frames, state that "
        "(axes TYX)"
    )


def test_one_slice_of_a_volume_is_not_taken_for_it() -> None:
    data = tiff(CINE[..., 0], volumetric=True, tile=(16, 16, 16), photometric="minisblack")

    with pytest.raises(Reject) as caught:
        read(data)

    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


def test_pages_of_two_pictures_are_no_clip() -> None:
    """Other programs show the second after the first; a mask may well be the second."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out, ome=True) as file:
        for values in (CINE[..., 0], CINE[..., 0][::-1] > 90):
            file.write(np.asarray(values, np.uint8), metadata={"axes": "TYX"})

    with pytest.raises(Reject) as caught:
        read(out.getvalue())

    assert caught.value.reason is Reason.AMBIGUOUS
    assert caught.value.detail == "the file holds 2 pictures (OME): send one a file"


@pytest.mark.parametrize("more", [{"imagej": True}, {}])
def test_one_page_is_not_taken_for_all_that_a_description_tells_of(more: Any) -> None:
    with pytest.raises(Reject) as caught:
        read(tiff(CINE[..., 0], truncate=True, **more))

    assert caught.value.reason is Reason.FRAME_MISMATCH


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("more", [{}, {"compression": "zlib", "predictor": True}])
def test_real_numbers_of_any_size_are_one_clip(kind: str, more: Any) -> None:
    """scikit-image writes a picture that was computed as double; Pillow knows no such pages."""
    gray = CINE[..., 0].copy()
    gray[0, 0, 0] = 255  # what is brightest is shown as white

    scan = read(tiff((gray / 255).astype(kind), photometric="minisblack", **more))

    found = np.stack(list(scan.frames()))
    assert np.abs(found.astype(int) - gray).max() <= (1 if kind == "f2" else 0)
    assert scan.declared_frames == len(gray)


@pytest.mark.parametrize("compression", ["jpeg2000", "png"])
def test_pages_that_are_coded_in_a_way_that_is_not_read_are_told_as_that(compression: str) -> None:
    with pytest.raises(Reject) as caught:
        read(tiff(CINE[..., 0], photometric="minisblack", compression=compression))

    assert caught.value.reason is Reason.UNSUPPORTED_CODEC


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"PhysicalSizeX": 0.4, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 300.0}, (0.4, 0.3)),
        ({"PhysicalSizeX": 0.04, "PhysicalSizeXUnit": "cm", "PhysicalSizeY": 300.0}, (0.4, 0.3)),
        ({"PhysicalSizeX": 0.4, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 300.0}, None),
        ({}, None),
    ],
)
def test_an_ome_tiff_has_the_scale_and_the_times_that_it_states(options: Any, told: Any) -> None:
    """Without a unit its lengths are microns and its times seconds."""
    metadata = {"axes": "TYX", "TimeIncrement": 0.04, **options}

    scan = read(tiff(CINE[..., 0], ome=True, metadata=metadata, photometric="minisblack"))

    assert scan.spacing == (told and pytest.approx(told))
    assert scan.times == (0.0, 40.0, 80.0, 120.0)


@pytest.mark.parametrize(
    ("unit", "told"), [("mm", (0.4, 0.3)), ("inch", (10.16, 7.62)), ("", None)]
)
def test_a_tiff_of_imagej_has_the_scale_that_it_states(unit: str, told: Any) -> None:
    data = tiff(
        CINE[..., 0],
        imagej=True,
        resolution=(1 / 0.4, 1 / 0.3),
        metadata={"axes": "TYX", "unit": unit, "finterval": 0.04},
    )

    scan = read(data)

    assert scan.spacing == (told and pytest.approx(told, rel=1e-5))
    assert scan.times == (0.0, 40.0, 80.0, 120.0)


def test_slices_have_no_times_and_dots_of_a_printer_are_no_scale() -> None:
    slices = tiff(CINE[..., 0], imagej=True, metadata={"axes": "ZYX", "finterval": 0.04})
    printed = tiff(CINE[0], photometric="rgb", resolution=(72, 72), resolutionunit="INCH")

    assert read(slices).times is None
    assert read(printed).spacing is None

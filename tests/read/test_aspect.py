"""Pixels that are no squares: the scan says so, wherever its file states it, and stays as it is."""

from __future__ import annotations

import io
import math
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset

from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.aspect import ANAMORPHIC, unequal
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.pictures.scans import make_cine, make_still

STILL = make_still(3, size=(160, 120))
CINE = make_cine(3, frames=2, size=(160, 120))
UNKNOWN = {"SequenceOfUltrasoundRegions": None, "PixelSpacing": None}
JPEG_BASELINE, H264 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.102"


def stretched(data):
    scan = read(data)
    shown = list(scan.frames())
    assert shown[0].shape[:2] == (120, 160)
    return ANAMORPHIC in scan.flags


def picture(kind, **stated):
    data = io.BytesIO()
    Image.fromarray(STILL.pictures[0]).save(data, kind, **stated)
    return data.getvalue()


def png(across, down, unit):
    told = b"pHYs" + struct.pack(">IIB", across, down, unit)
    chunk = struct.pack(">I", 9) + told + struct.pack(">I", zlib.crc32(told))
    whole = picture("PNG")
    return whole[:33] + chunk + whole[33:]  # behind the head


def video(ratio):
    data = io.BytesIO()
    with av.open(data, "w", "mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.sample_aspect_ratio = ratio
        for gray in CINE.pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(gray), "gray")))
        out.mux(stream.encode(None))
    return data.getvalue()


@pytest.mark.parametrize("scan", [STILL, CINE], ids=["still", "cine"])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", JPEG_BASELINE, H264])
def test_a_scan_whose_pixel_aspect_ratio_is_another_says_so(scan, syntax):
    def stated(ratio):
        return write_dicom(scan, syntax, overrides={**UNKNOWN, "PixelAspectRatio": ratio})

    assert stretched(stated([2, 1])) and stretched(stated([11, 12]))
    assert not stretched(stated([1, 1])) and not stretched(stated([480, 480]))
    assert not stretched(stated(None))


def test_where_a_scan_says_how_large_its_pixels_are_the_ratio_adds_nothing():
    told = {**UNKNOWN, "PixelSpacing": [0.2, 0.4], "PixelAspectRatio": [1, 2]}

    scan = read(write_dicom(STILL, overrides=told))

    assert scan.spacing == (0.4, 0.2) and ANAMORPHIC not in scan.flags


def test_a_region_that_states_no_size_leaves_the_ratio_as_it_is():
    """An M-mode trace says millimeters down and seconds across; graphics say nothing at all."""

    def with_region(units, deltas):
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType = 1, 1
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 159, 119
        region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = units
        region.PhysicalDeltaX, region.PhysicalDeltaY = deltas
        told = {"SequenceOfUltrasoundRegions": [region], "PixelSpacing": None}
        return stretched(write_dicom(STILL, overrides={**told, "PixelAspectRatio": [2, 1]}))

    assert with_region((4, 3), (0.01, 0.05)) and with_region((3, 3), (0.0, 0.0))
    assert not with_region((3, 3), (0.05, 0.1))


@pytest.mark.parametrize("ratio", [[0, 1], [1], [1, 2, 3]])
def test_a_ratio_that_is_none_is_passed_over(ratio):
    assert not stretched(write_dicom(STILL, overrides={**UNKNOWN, "PixelAspectRatio": ratio}))


def test_pictures_and_videos_say_it_as_well():
    assert stretched(png(2, 1, 0)) and stretched(png(5906, 2953, 1))
    assert not stretched(png(1, 1, 0)) and not stretched(png(2835, 2834, 1))
    assert stretched(picture("JPEG", dpi=(100, 200))) and not stretched(picture("JPEG"))
    assert stretched(picture("TIFF", dpi=(100, 200))) and not stretched(picture("TIFF"))
    assert stretched(video(Fraction(4, 3))) and not stretched(video(Fraction(1, 1)))


@pytest.mark.parametrize("side", [0, -1, math.nan, math.inf])
def test_a_side_that_is_no_length_says_nothing(side):
    assert unequal(side, 1) == unequal(1, side) == ()
    assert unequal(1, 2) == unequal(2, 1) == (ANAMORPHIC,)


@pytest.mark.parametrize("unit", [1, 2, 3])
def test_a_tiff_says_the_shape_of_its_pixels_by_its_densities(unit):
    """Without a unit they say nothing else (TIFF 6.0, ResolutionUnit)."""
    data = io.BytesIO()
    tifffile.imwrite(data, STILL.pictures[0], resolution=(100, 200), resolutionunit=unit)

    scan = read(data.getvalue())

    assert ANAMORPHIC in scan.flags
    assert scan.aspect == (2, 1)


def test_how_wide_pixels_are_to_how_high_is_known():
    assert read(picture("PNG", dpi=(100, 200))).aspect == (2, 1)
    assert read(picture("JPEG", dpi=(300, 200))).aspect == (2, 3)
    assert read(video(Fraction(16, 11))).aspect == (16, 11)
    assert read(picture("PNG")).aspect == (1, 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_picture_that_lies_on_its_side_has_its_pixels_turned_with_it(kind):
    exif = Image.Exif()
    exif[0x0112] = 6

    assert read(picture(kind, dpi=(100, 200), exif=exif)).aspect == (1, 2)

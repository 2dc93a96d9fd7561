"""What is written reads back: the same pixels, within what the codec loses."""

from __future__ import annotations

import zlib
from io import BytesIO

import av
import imagecodecs
import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut

from echoatlas.simulate import (
    make_cine,
    make_still,
    write_dicom,
    write_gif,
    write_jpeg,
    write_nifti,
    write_png,
    write_video,
)
from echoatlas.simulate.files.encoding import BARE, CODED, LOSSLESS, RLE, SYNTAXES, VIDEO

JPEG = "1.2.840.10008.1.2.4.50"
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def gray():
    return make_cine(1, frames=3, size=(160, 120), screen="none")


@pytest.fixture(scope="module")
def color():
    return make_cine(2, frames=3, size=(160, 120), screen="none", mode="color_doppler")


def coded(dataset):
    count = int(dataset.get("NumberOfFrames", 1))
    return list(generate_frames(dataset.PixelData, number_of_frames=count))


def decoded(data):
    """Pictures of a DICOM file by the codecs' own libraries, RGB or gray."""
    dataset = dcmread(BytesIO(data))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in VIDEO:
        with av.open(BytesIO(dataset.PixelData[20 - 4 :].lstrip(b"\0\xfe\xff\xe0"))) as video:
            return np.stack([one.to_ndarray(format="rgb24") for one in video.decode(video=0)])
    if syntax in CODED:
        return np.stack([imagecodecs.imread(one) for one in coded(dataset)])
    if syntax in BARE and not syntax.endswith(".5"):  # pydicom 3.0 knows neither
        unpack = zlib.decompress if syntax.endswith(".8.1") else lambda raw, _: raw
        raw = b"".join(unpack(one, -15) for one in coded(dataset))
        planes = (3,) if dataset.SamplesPerPixel == 3 else ()
        return np.frombuffer(raw, np.uint8).reshape(-1, dataset.Rows, dataset.Columns, *planes)
    pixels = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        return (pixels >> 8 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
    return 255 - pixels if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels


def far(expected, found):
    """Mean absolute difference of gray or RGB pictures."""
    if expected.ndim == 3 and found.ndim == 4:
        expected = expected[..., None]
    return float(np.abs(expected.astype(int) - found.astype(int)).mean())


@pytest.mark.parametrize("syntax", [one for one in SYNTAXES if one not in VIDEO])
@pytest.mark.parametrize("kind", ["gray", "color"])
def test_every_transfer_syntax_reads_back_to_the_same_pictures(syntax, kind, request):
    scan = request.getfixturevalue(kind)
    lossless = syntax in LOSSLESS

    found = decoded(write_dicom(scan, syntax))

    assert scan.pictures.shape == found.shape
    assert far(scan.pictures, found) <= (0 if lossless else 3.5)


@pytest.mark.parametrize("syntax", sorted(VIDEO))
@pytest.mark.parametrize("kind", ["gray", "color"])
def test_video_syntaxes_hold_a_stream_that_plays(syntax, kind, request):
    scan = request.getfixturevalue(kind)
    dataset = dcmread(BytesIO(write_dicom(scan, syntax)))

    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    with av.open(BytesIO(stream)) as video:
        found = np.stack([one.to_ndarray(format="rgb24") for one in video.decode(video=0)])

    assert len(scan.pictures) == len(found) == dataset.NumberOfFrames
    assert far(scan.pictures, found) < 12  # chrominance is halved in both directions


@pytest.mark.parametrize(
    ("kind", "syntax", "photometric", "options", "loss"),
    [
        ("gray", EXPLICIT, "MONOCHROME1", {}, 0),
        ("gray", EXPLICIT, "PALETTE COLOR", {"palette_bits": 8}, 0),
        ("gray", "1.2.840.10008.1.2.2", "PALETTE COLOR", {"palette_bits": 16}, 0),
        ("gray", RLE, "PALETTE COLOR", {}, 0),
        ("color", EXPLICIT, "RGB", {"planar": 1}, 0),
        ("color", EXPLICIT, "PALETTE COLOR", {}, 2),
        ("color", EXPLICIT, "YBR_FULL", {}, 2),
        ("color", RLE, "YBR_FULL", {}, 2),
        ("color", EXPLICIT, "YBR_FULL_422", {}, 4),
        ("color", JPEG, "RGB", {}, 3),
        ("color", JPEG, "YBR_FULL", {}, 3),
    ],
)
def test_every_photometric_reads_back(kind, syntax, photometric, options, loss, request):
    scan = request.getfixturevalue(kind)

    data = write_dicom(scan, syntax, photometric, **options)

    assert photometric == dcmread(BytesIO(data)).PhotometricInterpretation
    assert far(scan.pictures, decoded(data)) <= loss


@pytest.mark.parametrize("offsets", ["basic", "none", "extended"])
@pytest.mark.parametrize("fragments", [1, 3])
def test_fragments_and_offset_tables_of_every_kind_read_back(gray, offsets, fragments):
    if offsets == "extended" and fragments > 1:
        pytest.skip("an extended offset table allows one fragment a frame (PS3.3 C.7.6.3.1.8)")

    dataset = dcmread(BytesIO(write_dicom(gray, JPEG, offsets=offsets, fragments=fragments)))

    assert len(gray.pictures) == len(dataset.pixel_array)
    assert (offsets == "extended") == ("ExtendedOffsetTable" in dataset)


def test_the_header_identifies_in_many_places_and_survives_a_round_trip(gray):
    dataset = dcmread(BytesIO(write_dicom(gray)))
    who = gray.identity

    assert str(dataset.PatientName) == who.name
    found = str(dataset)
    assert found.count(who.patient_id) >= 2
    assert who.accession in str(dataset.RequestAttributesSequence[0])
    assert who.patient_id == dataset[0x0029, 0x1003].value[0].PatientID
    (region,) = dataset.SequenceOfUltrasoundRegions
    box = gray.fans[0].bounding_box(gray.height, gray.width)
    assert (box.x0, box.y1 - 1) == (region.RegionLocationMinX0, region.RegionLocationMaxY1)


def test_a_site_may_say_little(gray):
    dataset = dcmread(BytesIO(write_dicom(gray, says=(), regions=False, private=False)))

    assert "StudyDescription" not in dataset
    assert "SequenceOfUltrasoundRegions" not in dataset


def test_the_same_scan_is_written_to_the_same_bytes(gray):
    for syntax in SYNTAXES:
        assert write_dicom(gray, syntax) == write_dicom(gray, syntax), syntax
    for write in (write_png, write_jpeg, write_gif, write_video, write_nifti):
        assert write(gray) == write(gray), write.__name__


def test_loose_pictures_read_back_and_name_the_patient_in_their_metadata(color):
    png, jpeg = Image.open(BytesIO(write_png(color))), Image.open(BytesIO(write_jpeg(color)))

    assert (np.asarray(png) == color.pictures[0]).all()
    assert png.text["PatientName"] == color.identity.name
    assert far(color.pictures[0], np.asarray(jpeg)) < 5
    assert color.identity.birth_date in jpeg.info["comment"].decode()


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("avi", "mpeg4")])
def test_loose_clips_read_back_with_their_tags(color, container, codec):
    with av.open(BytesIO(write_video(color, container, codec))) as video:
        tags = dict(video.metadata)
        found = np.stack([one.to_ndarray(format="rgb24") for one in video.decode(video=0)])

    assert len(color.pictures) == len(found)
    assert far(color.pictures, found) < 12
    assert color.identity.patient_id in tags["comment"]


def test_nifti_holds_the_clip_with_axes_x_y_frame(gray):
    image = nibabel.Nifti1Image.from_bytes(imagecodecs.gzip_decode(write_nifti(gray)))

    assert (np.asarray(image.dataobj).transpose(2, 1, 0) == gray.pictures).all()


def test_a_still_is_an_ultrasound_image_and_a_cine_a_multi_frame_one(gray):
    still = dcmread(BytesIO(write_dicom(make_still(1, size=(160, 120)))))

    assert still.SOPClassUID.name == "Ultrasound Image Storage"
    assert dcmread(BytesIO(write_dicom(gray))).SOPClassUID.name.startswith("Ultrasound Multi")

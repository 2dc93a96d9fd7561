"""Every real sample file: what becomes of it, and whether other decoders see the same pixels."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import av
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, convert_color_space, pixel_array

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.archive import opened

# Files that are no clip, and what is said of them instead. All others give as many frames as the
# manifest says.
REASONS = {
    "derived/us_lung_mpeg2_ts100.dcm": Reason.FRAME_MISMATCH,  # 324 of 374 in the stream
    "dicom/philips_epiq5g_testpatient_cine27f.zip": Reason.UNSUPPORTED_FORMAT,
    "malformed/Tag-0040-A170-VR-CS.dcm": Reason.NO_PIXELS,
    "malformed/dicomdirtests_DICOMDIR": Reason.NO_PIXELS,
    "malformed/dicomdirtests_DICOMDIR-nooffset": Reason.NO_PIXELS,
    "malformed/empty_charset_LEI.dcm": Reason.NO_PIXELS,
    "malformed/no_preamble_dicm_in_data": Reason.NO_PIXELS,
    "malformed/report_dfl": Reason.NO_PIXELS,
    "malformed/reportsi.dcm": Reason.NO_PIXELS,
    "malformed/test-SR.dcm": Reason.NO_PIXELS,
    "malformed/no_meta.dcm": Reason.UNSUPPORTED_FORMAT,
}
FRAMES = {
    "derived/us_lung_2d.nii": 1,
    "derived/us_lung_xyt.nii.gz": 40,
    "pocus/sonivate-anechoic_1-1.nrrd": 1,
}


def outcome(data: bytes) -> int | Reason:
    try:
        return sum(1 for _ in read(data).frames())
    except Reject as reject:
        return reject.reason


def expected(path: str, row: dict[str, str]) -> int | Reason:
    if path in REASONS:
        return REASONS[path]
    if path.startswith(("malformed/", "deid/")):
        return Reason.NOT_ULTRASOUND
    return FRAMES.get(path) or int(row["frames"])


def test_every_sample_becomes_its_frames_or_a_reason(samples):
    with (samples / "manifest.csv").open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}

    found = {path: outcome((samples / path).read_bytes()) for path in rows}

    assert {path: expected(path, row) for path, row in rows.items()} == found


def test_a_zipped_cine_is_read_from_within_its_archive(samples):
    data = (samples / "dicom/philips_epiq5g_testpatient_cine27f.zip").read_bytes()

    walk = opened(data)
    _, content = next(walk)

    assert outcome(content()) == 27


def independent(path: Path) -> list[NDArray[np.uint8]]:
    """The file's first pictures by other code: pydicom, Pillow, or another decoder."""
    header = dcmread(path)
    syntax = str(header.file_meta.TransferSyntaxUID)
    count = int(header.get("NumberOfFrames") or 1)
    if syntax.endswith((".4.50", ".4.90", ".4.91", ".4.70")):
        parts = generate_frames(header.PixelData, number_of_frames=count)
        if syntax.endswith(".4.70"):
            return [imagecodecs.jpegsof3_decode(part) for part in parts]
        return [np.asarray(Image.open(io.BytesIO(part))) for part in parts]
    array = header.pixel_array
    array = array.reshape(count, *array.shape[-3 if header.SamplesPerPixel == 3 else -2 :])
    if header.PhotometricInterpretation == "PALETTE COLOR":
        for color in ("Red", "Green", "Blue"):
            keyword = f"{color}PaletteColorLookupTableData"
            if syntax.endswith(".1.2.2"):  # pydicom takes tables to be little endian
                swapped = np.frombuffer(header[keyword].value, ">u2").astype("<u2")
                header[keyword].value = swapped.tobytes()
        array = apply_color_lut(array, header) >> 8
    return list(array)


@pytest.mark.parametrize(
    "name",
    [
        "sonosite_turbo_plax_30f_jpegbaseline_ybr422.dcm",
        "philips_cx50_ob_palette_cropped.dcm",
        "philips_cx50_ob_palette_2f_bigendian.dcm",
        "philips_cx50_ob_palette_2f_rle.dcm",
        "philips_cx50_ob_palette_evle.dcm",
        "aloka_ssd4000_pelvis_palette16.dcm",
        "ge_logiq700_lymphnode_rgb_evle.dcm",
        "ge_logiq700_lymphnode_j2k_lossless.dcm",
        "ge_logiq700_lymphnode_j2k_lossy.dcm",
        "acme_tee_rgb_planar1.dcm",
        "acme_tee_rgb_planar0.dcm",
        "philips_epiq7c_ascaorta_jpeglossless.dcm",
        "medistim_veriqc_femoral_2f_jpeglossless_rgb.dcm",
        "philips_epiq5g_testpatient_mono_evle.dcm",
        "siemens_s2000_testpatient_rgb_evle.dcm",
        "philips_cx50_cardio_test_rle_palette.dcm",
        "esaote_6100_elbow_ybr422_native.dcm",
        "acuson_echo_8f_jpeg_fragmented_nobot.dcm",
        "acuson_echo_8f_rgb_implicitle.dcm",
        "acme_echo_10f_palette_rle",
        "acuson_sequoia_thyroid_ybrfull_rle.dcm",
    ],
)
def test_another_decoder_sees_the_same_pixels_within_three_gray_levels(name, samples):
    path = samples / "dicom" / name

    ours = list(read(path.read_bytes()).frames())

    theirs = independent(path)
    assert len(theirs) == len(ours)
    for one, other in zip(theirs, ours, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 3


def test_one_picture_in_seven_codings_is_the_same(samples):
    """The Philips, ALOKA and GE pictures lie in several transfer syntaxes each."""
    groups = [
        ("philips_cx50_ob_palette_2f_bigendian.dcm", "philips_cx50_ob_palette_2f_rle.dcm",
         "philips_cx50_ob_palette_evle.dcm"),
        ("acme_echo_10f_palette_rle", "acme_echo_10f_palette_jpegls.dcm"),
        ("ge_logiq700_lymphnode_rgb_evle.dcm", "ge_logiq700_lymphnode_j2k_lossless.dcm"),
        ("acme_tee_rgb_planar0.dcm", "acme_tee_rgb_planar1.dcm"),
    ]  # fmt: skip

    for group in groups:
        first, *others = (
            next(read((samples / "dicom" / name).read_bytes()).frames()) for name in group
        )

        for other in others:
            assert np.abs(first.astype(int) - other).max() <= 3


def test_the_jpeg_xl_cine_equals_the_jpeg_that_it_was_made_of(samples):
    """Syntax 111 keeps the original JPEG; as that it is decoded, so that both are one duplicate."""
    path = samples / "dicom/ge_vivid_e95_27f_jpegxl.dcm"
    header = dcmread(path)
    parts = list(generate_frames(header.PixelData, number_of_frames=27))

    ours = list(read(path.read_bytes()).frames())

    for part, picture in zip(parts[:5], ours, strict=False):
        jpeg = imagecodecs.jpegxl_decode_jpeg(part)
        assert (np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) == picture).all()


@pytest.mark.parametrize(
    "name", ["video/lung/Reg_Image_18122_crop.mp4", "video/lung/Reg_pat4Image_140238.mpeg"]
)
def test_the_luma_of_a_video_is_ffmpegs(name, samples):
    """Gray of BT.601 limited luma is 255/219 (Y - 16); these clips have no color."""
    data = (samples / name).read_bytes()
    with av.open(io.BytesIO(data)) as container:
        luma = [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]

    ours = list(read(data).frames())

    assert len(luma) == len(ours)
    for one, other in zip(luma[::20], ours[::20], strict=True):
        shown = np.clip((one.astype(float) - 16) * 255 / 219, 0, 255)
        assert np.percentile(np.abs(shown - other.mean(-1)), 99) <= 3


def test_every_loose_picture_is_what_pillow_shows(samples):
    for path in sorted((samples / "images").rglob("*.*")):
        ours = next(read(path.read_bytes()).frames())

        with Image.open(path) as image:
            theirs = image.convert("RGBA") if image.mode == "RGBA" else image.copy()
        plain = np.asarray(theirs).astype(float)
        if theirs.mode == "RGBA":
            plain = plain[..., :3] * plain[..., 3:] / 255
        assert np.abs(plain - ours).max() <= 3, path.name


def test_big_endian_is_not_256_times_too_dark(samples):
    path = samples / "dicom/philips_cx50_ob_palette_2f_bigendian.dcm"

    picture = next(read(path.read_bytes()).frames())

    assert picture.max() > 200


def test_native_half_chroma_agrees_with_pydicom(samples):
    path = samples / "dicom/esaote_6100_elbow_ybr422_native.dcm"
    header = dcmread(path)
    raw = pixel_array(header, raw=True)

    ours = next(read(path.read_bytes()).frames())

    theirs = convert_color_space(raw, "YBR_FULL", "RGB")
    assert np.abs(theirs.astype(int) - ours).max() <= 3

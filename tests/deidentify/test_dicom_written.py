"""What is written as DICOM is what other software expects, and shows what the mask says."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.tag import Tag

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.deidentify_tool.containers import dicom, edges, jpeg, video
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.simulate import make_cine, make_still, write_dicom
from echoatlas.simulate.files.encoding import SYNTAXES
from echoatlas.simulate.files.other_formats import write_jpeg
from tests.helpers.conforming import volume
from tests.helpers.verified import errors, verified

J = "1.2.840.10008.1.2.4."
LITTLE = "1.2.840.10008.1.2.1"
DOPPLER = make_cine(5, frames=4, size=(320, 240), color=True, mode="color_doppler", screen="none")
CINE = make_cine(5, frames=3, size=(320, 240), screen="none")


def written(data: bytes, key: Any, keep: NDArray[np.bool_] | None = None) -> tuple[bytes, Any, str]:
    """The file that comes of one, where it shows what it did, and how it was written."""
    scan = read(data)
    made = rebuild(scan.header, Policy(), key).dataset
    if keep is None:
        keep = np.ones((scan.height, scan.width), bool)
    pictures = []
    for picture in scan.frames():
        pictures.append(picture.copy())
        pictures[-1][~keep] = 0
    whole, how, left = dicom.instance(made, scan, data, pictures, keep)
    return whole, left, how


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))


def header(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def test_a_video_has_an_empty_offset_table(key):
    """One stream of all frames: a table of one entry says that there is one (PS3.5 A.4)."""
    whole, _, how = written(write_dicom(CINE, J + "102"), key)

    table, *stream = generate_fragments(header(whole).PixelData)

    assert (how, len(table), len(stream)) == ("video", 0, 1)
    assert len(shown(whole)) == 3


@verified
@pytest.mark.parametrize("end", ["100", "102", "102.1", "107", "50", "111", "55"])
def test_the_validator_finds_no_new_error_in_coded_cines(key, tmp_path, end):
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    before.write_bytes(write_dicom(CINE, LITTLE))

    after.write_bytes(written(write_dicom(CINE, J + end), key)[0])

    assert errors(after) - errors(before) == set()


@pytest.mark.parametrize(("size", "matrix"), [((320, 240), 6), ((960, 720), 1)])
@pytest.mark.parametrize("coding", [video.FINE, video.HIGH_41])
def test_a_video_states_matrix_and_range_and_is_in_them(size, matrix, coding):
    """H.273: 6 is BT.601, 1 is BT.709; FFmpeg's range 1 is limited."""
    scan = make_cine(5, frames=2, size=size, color=True, mode="color_doppler")

    made = video.mp4(scan.pictures, (0.0, 40.0), coding)

    with av.open(io.BytesIO(made)) as container:
        frame = next(container.decode(video=0))
    found = shown(made)
    assert (frame.colorspace, frame.color_range) == (matrix, 1)
    assert np.abs(found.astype(int) - scan.pictures).mean() < 2


TIMES = {"FrameTime": "33.3", "FrameTimeVector": [0.0, 30.0, 40.0]}


@pytest.mark.parametrize(
    ("says", "there", "expected"),
    [
        ("FrameTime", ("FrameTime",), ["FrameTime"]),
        ("FrameTimeVector", ("FrameTimeVector",), ["FrameTimeVector"]),
        (None, ("FrameTime",), ["FrameTime"]),
        (0x00291010, ("FrameTime",), ["FrameTime"]),  # private
        ("StartTrim", ("FrameTime", "FrameTimeVector"), ["FrameTimeVector"]),
        ("FrameTimeVector", ("FrameTime",), ["FrameTime"]),  # which is not there
        (0x00291010, (), []),
    ],
)
def test_the_increment_points_to_what_tells_the_times(key, says, there, expected):
    overrides = {**dict.fromkeys(TIMES), **{one: TIMES[one] for one in there}}
    overrides["FrameIncrementPointer"] = Tag(says) if says else None
    data = write_dicom(CINE, LITTLE, overrides=overrides)

    made = header(written(data, key)[0])

    found = made.get("FrameIncrementPointer")
    assert [Tag(one) for one in expected] == ([] if found is None else [found])


def test_a_still_with_a_frame_time_points_nowhere(key):
    data = write_dicom(make_still(5, size=(320, 240)), LITTLE, overrides={"FrameTime": "33.3"})

    assert "FrameIncrementPointer" not in header(written(data, key)[0])


def test_times_of_fewer_frames_than_there_are_do_not_stay(key):
    overrides = {
        "NumberOfFrames": 2, "FrameTime": None, "FrameTimeVector": [0.0, 30.0],
        "FrameIncrementPointer": Tag("FrameTimeVector"),
    }  # fmt: skip
    made = header(written(write_dicom(CINE, LITTLE, overrides=overrides), key)[0])

    assert made.NumberOfFrames == 3
    assert "FrameTimeVector" not in made
    assert "FrameIncrementPointer" not in made


@pytest.mark.parametrize("ticks", [(0, 40, 80), (0, 40, 130)])
def test_times_that_only_the_stream_of_a_video_has_stay(key, ticks):
    """The stream that is written runs at the mean rate, and frames that are no stream have none."""
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as file:
        stream = file.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.height, stream.width = CINE.pictures.shape[1:]
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, tick in zip(CINE.pictures, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "gray")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    overrides = dict.fromkeys(("FrameTime", "FrameTimeVector", "FrameIncrementPointer"))
    overrides["PixelData"] = encapsulate([out.getvalue()], has_bot=False)
    data = write_dicom(CINE, J + "102", overrides=overrides)

    whole, _, how = written(data, key)

    assert (how, read(data).times) == ("video", tuple(map(float, ticks)))
    assert read(whole).times == read(data).times


def test_times_of_a_long_cine_are_read_and_stay(key):
    """Of 64 kB and more, which pydicom writes as UN (PS3.5 6.2.2) and gives back as bytes."""
    frames = 9000
    overrides = {
        "NumberOfFrames": frames, "Rows": 32, "Columns": 32, "PixelData": bytes(frames * 32 * 32),
        "FrameTime": None, "FrameTimeVector": ["0"] + ["33.3333333333333"] * (frames - 1),
        "FrameIncrementPointer": Tag("FrameTimeVector"),
    }  # fmt: skip
    with pytest.warns(UserWarning, match="64 kByte"):
        data = write_dicom(CINE, LITTLE, overrides=overrides)
    assert header(data)["FrameTimeVector"].VR == "UN"

    made = read(written(data, key)[0])

    assert pytest.approx(read(data).times, rel=1e-4) == made.times
    assert (frames, 0.0, 33.3) == (len(made.times), made.times[0], round(made.times[1], 1))
    assert Tag("FrameTimeVector") == made.header.FrameIncrementPointer


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_loss_is_told_where_the_source_lost(key, syntax):
    data = write_dicom(CINE, syntax, overrides={"LossyImageCompression": None})

    made = header(written(data, key)[0])

    assert transfer_syntax(syntax).lossy == (made.get("LossyImageCompression") == "01")


@pytest.mark.parametrize("end", ["50", "51", "53", "55", "111"])
@pytest.mark.parametrize(("scan", "photometric"), [(CINE, None), (DOPPLER, "YBR_FULL_422")])
def test_every_jpeg_is_redacted_as_it_is(key, end, scan, photometric):
    """Also one of several scans, and one that was packed into JPEG XL: pixels stay bit by bit."""
    data = write_dicom(scan, J + end, photometric)
    keep = scan.fans[0].mask(scan.height, scan.width)

    whole, _, how = written(data, key, keep)

    exact = jpeg.kept_exactly(keep)
    assert how == "dct"
    assert (shown(data)[:, exact] == shown(whole)[:, exact]).all()
    assert shown(whole)[:, ~keep].max() <= 24


@pytest.mark.parametrize("syntax", [LITTLE + ".98", "1.2.840.10008.1.2.8.1"])
def test_samples_that_were_wrapped_are_written_in_the_open(key, syntax):
    whole, _, how = written(write_dicom(CINE, syntax), key)

    assert (how, header(whole).file_meta.TransferSyntaxUID) == ("native", LITTLE)
    assert (CINE.pictures == shown(whole)).all()


def test_pixels_in_the_open_under_a_jpeg_syntax_are_written_too(key):
    data = bytearray(write_dicom(CINE, LITTLE))
    at = data.index(b"\x02\0\x10\0UI")
    data[at + 6 : at + 28] = struct.pack("<H", 22) + (J + "50").encode()
    struct.pack_into("<I", data, 140, struct.unpack_from("<I", data, 140)[0] + 2)

    assert (CINE.pictures == shown(written(bytes(data), key)[0])).all()


@pytest.mark.parametrize("quality", [50, 75, 92])
def test_the_edge_of_the_fan_stays_and_the_mask_says_what_does_not(quality):
    """Whole blocks once went black: 5 to 7 % of a fan, which the mask called kept."""
    scan = make_still(3, size=(640, 480))
    data = write_jpeg(scan, quality=quality)
    keep = scan.fans[0].mask(480, 640)

    made = jpeg.redacted(data, jpeg.Mask.of(keep))

    assert made is not None
    before, after = next(read(data).frames()), next(read(made.data).frames())
    gray = [one if one.ndim == 2 else one[..., 1] for one in (before, after)]
    assert (made.left <= keep).all()
    assert (keep & ~made.left).sum() <= (0.03 if quality == 50 else 0.002) * keep.sum()
    assert gray[1][~keep].max() <= 2
    assert np.abs(gray[0].astype(int) - gray[1])[made.left].mean() < 0.5
    bright = made.left & (gray[0] > 60)
    assert (gray[1][bright] > 10).mean() > 0.999, "what the mask keeps is there"
    assert gray[1][keep & ~made.left].max(initial=0) <= 2, "what it does not keep is not"


def test_nothing_of_what_is_hidden_is_in_the_edge_of_a_jpeg():
    """Two pictures that differ only in hidden pixels become the same file, but for what JPEG itself
    had spread of them."""
    rng = np.random.default_rng(3)
    keep = np.zeros((64, 64), bool)
    keep[:, 19:] = True
    hidden = ~keep[:8, 16:24][None].repeat(50, axis=0)
    pixels = rng.integers(0, 255, (50, 8, 8)).astype(float)
    other = np.where(hidden, rng.integers(0, 255, (50, 8, 8)), pixels)
    # Coefficients that are not quantized: what is kept is then the same in both.
    fine = np.ones((8, 8), np.uint16)
    coded = [edges.DCT @ (one - 128) @ edges.DCT.T for one in (pixels, other)]

    one, two = (edges.blacked(part, fine, hidden, 1)[0] for part in coded)

    assert np.abs(one - two).max() == 0


def test_the_offset_table_of_frames_lists_them_all(key):
    whole, _, _ = written(write_dicom(CINE, J + "80"), key)

    table, *frames = generate_fragments(header(whole).PixelData)

    assert len(struct.unpack(f"<{len(table) // 4}I", table)) == len(frames) == 3


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [
        (LITTLE, "RGB"),
        (LITTLE, "YBR_FULL"),
        (LITTLE, "YBR_FULL_422"),
        ("1.2.840.10008.1.2.5", "RGB"),
        ("1.2.840.10008.1.2.5", "YBR_FULL"),
    ],
)
def test_a_color_scan_has_its_colors_for_other_readers_too(key, syntax, photometric):
    """RGB samples under a header that says otherwise would be other colors."""
    made = header(written(write_dicom(DOPPLER, syntax, photometric), key)[0])

    assert np.abs(made.pixel_array.astype(int) - DOPPLER.pictures).mean() <= 1.6


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", [LITTLE, "1.2.840.10008.1.2.5"])
def test_planes_of_color_have_their_colors_for_other_readers_too(key, syntax, planar):
    given = write_dicom(DOPPLER, syntax, "RGB", planar=planar)

    made = header(written(given, key)[0])

    assert np.array_equal(made.pixel_array, DOPPLER.pictures)


@pytest.mark.parametrize("syntax", [LITTLE, J + "50", J + "51", J + "70", J + "80", J + "110"])
def test_white_is_zero_comes_out_as_black_is_zero(key, syntax):
    """JPEG is redacted as it is coded, which under the header that is written is a negative."""
    given = write_dicom(CINE, syntax, "MONOCHROME1")

    whole, _, _ = written(given, key)

    assert header(whole).PhotometricInterpretation == "MONOCHROME2"
    assert np.abs(shown(whole).astype(int) - CINE.pictures).mean() <= 3


def test_signed_samples_of_a_jpeg_come_out_without_a_sign(key):
    given = write_dicom(CINE, J + "50", overrides={"PixelRepresentation": 1})

    whole, _, _ = written(given, key)

    assert header(whole).PixelRepresentation == 0
    assert np.array_equal(shown(given), shown(whole))


def gray_table(entries: np.ndarray, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries), 0, bits])
    item.add_new(0x00283006, "US", entries.tolist())
    item.ModalityLUTType = "US"
    return item


@pytest.mark.parametrize("syntax", [LITTLE, J + "50", J + "70"])
@pytest.mark.parametrize(
    "told",
    [
        {"ModalityLUTSequence": [gray_table(np.arange(255, -1, -1), 8)]},
        {"VOILUTSequence": [gray_table(np.arange(255, -1, -1), 8)]},
        {"PresentationLUTShape": "INVERSE"},
        {"RescaleSlope": "-1", "RescaleIntercept": "255"},
    ],
    ids=lambda told: next(iter(told)),
)
def test_what_tables_turn_round_comes_out_as_it_was_shown(key, syntax, told):
    """JPEG is redacted as it is coded, which without its table is a negative."""
    given = write_dicom(CINE, syntax, overrides=told)

    whole, _, _ = written(given, key)

    assert np.abs(shown(given).astype(int) - (255 - CINE.pictures.astype(int))).mean() <= 3
    assert np.abs(shown(whole).astype(int) - shown(given)).mean() <= 3
    assert not {"ModalityLUTSequence", "VOILUTSequence", "RescaleSlope"} & set(header(whole).dir())


def test_windows_of_an_enhanced_volume_show_what_is_written(key):
    """Those of 16 bits make 8 black for other readers."""
    made = volume()
    view = made.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    view.WindowCenter, view.WindowWidth = "32768", "65536"

    whole, _, _ = written(part10(made), key)

    (view,) = header(whole).SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
    assert (view.WindowCenter, view.WindowWidth) == (128, 256)

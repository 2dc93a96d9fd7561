"""Every container comes out with its pixels, and with nothing else that was in it."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames

from echoatlas.cli import call
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify_tool.containers.jpeg import Mask, kept_exactly, redacted
from echoatlas.pipeline.deidentify_tool.containers.stills import animation
from echoatlas.pipeline.deidentify_tool.containers.video import fits_high_41
from echoatlas.pipeline.deidentify_tool.rewrite import BY_FORMAT, rewritten
from echoatlas.pipeline.read import read
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.simulate import make_cine, write_dicom
from tests.helpers.planted import MAKERS, SIZE, PlantedFile, cine, planted_file, unpacked

Outcome = Mapping[str, Any]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Outcome]]:
    """All containers in one folder, de-identified at once: DEST, and each one's outcome."""
    src, dest = tmp_path_factory.mktemp("hospital"), tmp_path_factory.mktemp("clean")
    key = src.parent / "key"
    key.write_text(random.Random(7).randbytes(32).hex())
    key.chmod(0o600)
    for container in MAKERS:
        made = planted_file(container)
        (src / f"{container.replace('/', '-')}{made.suffix}").write_bytes(made.data)
    call(["deidentify", str(src), str(dest), "--key", str(key)])
    report = json.loads((dest / "_deidentification/report.json").read_text())
    names = sorted(path.name for path in src.iterdir())
    by_name = {names[one["input"]]: one for one in report["outcomes"]}
    return dest, {
        container: by_name[f"{container}{planted_file(container).suffix}"] for container in MAKERS
    }


def pictures(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))


def alike(one: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Gray pictures as color where the others are."""
    return one if one.ndim >= len(shape) else np.repeat(one[..., None], 3, axis=-1)


@pytest.mark.parametrize("container", MAKERS)
def test_what_was_planted_is_in_the_file_and_in_no_byte_of_the_output(ran, container):
    dest, outcomes = ran
    made = planted_file(container)
    before = unpacked(made.data)

    out = unpacked((dest / outcomes[container]["output"]).read_bytes())

    assert outcomes[container]["status"] == "released"
    assert [word for word in made.words if word.encode() not in before] == [], "an empty trap"
    assert [word for word in made.words if word.encode() in out] == []


@pytest.mark.parametrize("container", MAKERS)
def test_pixels_inside_the_mask_are_what_they_were_and_black_outside(ran, container):
    dest, outcomes = ran
    outcome, made = outcomes[container], planted_file(container)
    before = pictures(made.data)
    after = pictures((dest / outcome["output"]).read_bytes())
    keep = cv2.imread(str(dest / outcome["mask"]), cv2.IMREAD_GRAYSCALE) > 0
    keep_exact = kept_exactly(keep) if outcome["pixels"] == "dct" else keep

    before, after = alike(before, after.shape), alike(after, before.shape)

    assert before.shape == after.shape
    assert keep.mean() > 0.2
    if outcome["pixels"] == "video":
        apart = np.abs(before[:, keep].astype(int) - after[:, keep])
        assert apart.mean() < 1.5
    else:
        assert np.array_equal(before[:, keep_exact], after[:, keep_exact])
    assert after[:, ~keep].max() <= 24


@pytest.mark.parametrize(
    ("container", "how"),
    [
        ("jpeg gray", "dct"),
        ("jpeg 4:2:0", "dct"),
        ("jpeg progressive", "dct"),
        ("dicom jpeg", "dct"),
        ("dicom jpeg color", "dct"),
        ("png", "lossless"),
        ("dicom native", "native"),
        ("dicom mpeg-2", "video"),
        ("dicom h264", "video"),
        ("dicom hevc", "video"),
        ("mp4", "video"),
    ],
)
def test_pixels_are_written_in_the_gentlest_way_there_is(ran, container, how):
    assert how == ran[1][container]["pixels"]


def test_a_dicom_video_stays_one_that_archives_can_play(ran):
    """PS3.5 8.2.7: High Profile at level 4.1 or below, 4:2:0; no picture twice, none lost."""
    dest, outcomes = ran
    header = dcmread(dest / outcomes["dicom h264"]["output"])
    (stream,) = generate_frames(header.PixelData, number_of_frames=1)

    with av.open(io.BytesIO(stream)) as container:
        track = container.streams.video[0]
        told = track.codec_context.profile, track.codec_context.pix_fmt, track.frames
        level = track.codec_context.extradata[3]  # AVCDecoderConfigurationRecord

    assert ("High", "yuv420p", header.NumberOfFrames) == told
    assert 9 < level <= 41
    assert header.PhotometricInterpretation == "YBR_PARTIAL_420"
    assert header.LossyImageCompression == "01"


@pytest.mark.parametrize(
    ("syntax", "codec", "kind", "pixels"),
    [
        ("1.2.840.10008.1.2.4.100", "mpeg2video", "mpeg2video", "yuv420p"),
        ("1.2.840.10008.1.2.4.102", "libx264", "mpegts", "yuv444p"),
    ],
)
def test_a_dicom_video_of_an_odd_size_keeps_its_last_row_and_column(
    tool, tmp_path, syntax, codec, kind, pixels
):
    """4:2:0 has no odd sizes at level 4.1: such a clip is written without loss instead."""
    data = odd_video(syntax, codec, kind, pixels)
    (tmp_path / "odd.dcm").write_bytes(data)

    ran = tool(tmp_path / "odd.dcm")

    header = dcmread(ran.outputs[0])
    before, after = pictures(data), pictures(ran.outputs[0].read_bytes())
    keep = cv2.imread(str(next(ran.dest.rglob("masks/*/*.png"))), cv2.IMREAD_GRAYSCALE) > 0
    assert (ran.code, ran.report["outcomes"][0]["pixels"]) == (0, "lossless")
    assert header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.80"
    assert (header.Rows, header.Columns, header.NumberOfFrames) == (*ODD, 3)
    assert header.LossyImageCompression == "01"
    assert header.pixel_array.shape[:3] == (3, *ODD)  # as a stranger reads it
    assert np.array_equal(before[:, keep], alike(after, before.shape)[:, keep])
    assert after[:, ~keep].max() == 0


ODD = (143, 191)  # rows, columns


def odd_video(syntax: str, codec: str, kind: str, form: str) -> bytes:
    """A DICOM video of an odd number of rows and columns, as its encoder writes it."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as file:
        track = file.add_stream(codec, rate=30)
        (track.height, track.width), track.pix_fmt = ODD, form
        track.options = {"qscale": "2"} if codec == "mpeg2video" else {"crf": "12"}
        for one in cine().pictures:
            shown = np.ascontiguousarray(one[: ODD[0], : ODD[1]])
            file.mux(track.encode(av.VideoFrame.from_ndarray(shown, format="gray")))
        file.mux(track.encode(None))
    header = dcmread(io.BytesIO(write_dicom(cine(), syntax)))
    header.Rows, header.Columns = ODD
    header.PixelData = encapsulate([out.getvalue()])
    header["PixelData"].is_undefined_length = True
    whole = io.BytesIO()
    dcmwrite(whole, header)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("height", "width", "times", "fits"),
    [
        (480, 640, None, True),
        (1080, 1920, (0.0, 100 / 3), True),
        (1080, 1920, (0.0, 100 / 6), False),
        (2160, 3840, None, False),
        (144, 193, None, False),
        (145, 192, None, False),
    ],
)
def test_sizes_that_cannot_be_halved_and_rates_beyond_level_4_1_are_no_video(
    height, width, times, fits
):
    assert fits is fits_high_41(height, width, times)


def test_a_png_has_its_critical_chunks_alone(ran):
    dest, outcomes = ran
    data = (dest / outcomes["png"]["output"]).read_bytes()

    kinds, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kinds.append(data[at + 4 : at + 8])
        at += 12 + length

    assert {b"IHDR", b"IDAT", b"IEND"} == set(kinds)
    assert at == len(data)


def test_a_gif_stays_an_animation_with_its_times(ran):
    dest, outcomes = ran
    data = (dest / outcomes["gif"]["output"]).read_bytes()

    with Image.open(io.BytesIO(data)) as image:
        shown = [image.info["duration"] for image in ImageSequence.Iterator(image)]

    assert shown[:2] == [40.0, 70.0] and len(shown) == 3
    assert read(data).times == (0.0, 40.0, 110.0)


def test_frames_that_are_alike_stay_as_many_as_they_are():
    """As blackened banners make them; Pillow writes one (``findings/gif_of_a_slow_cine.sh``)."""
    still = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
    times = [0.0, 40.0, 80.0, 120.0]

    scan = read(animation([still, still, still + 1, still + 1], times))

    assert scan.times == tuple(times)
    assert np.array_equal([still, still, still + 1, still + 1], list(scan.frames()))


@pytest.mark.parametrize("step", [120_000.0, 66.667, 33.333, 0.2])
def test_pictures_minutes_or_parts_of_a_millisecond_apart_stay_so(step):
    """A delay has 16 bits: of milliseconds they are 65 seconds at most, and whole."""
    frames = make_cine(4, frames=40, size=SIZE, screen="none", burned_in=()).pictures
    times = [step * index for index in range(40)]

    assert pytest.approx(times, rel=1e-4) == read(animation(frames, times)).times


def test_a_jpeg_has_no_segments_but_those_that_its_pixels_need(ran):
    dest, outcomes = ran
    data = (dest / outcomes["jpeg 4:2:0"]["output"]).read_bytes()

    markers, at = [], 2
    while data[at + 1] != 0xDA:
        markers.append(data[at + 1])
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]

    assert set(markers) <= {0xE0, 0xDB, 0xC0, 0xC4}
    assert data.endswith(b"\xff\xd9") and data.count(b"\xff\xd9") == 1


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory on this system")
def test_no_picture_lies_on_the_disk_while_it_is_redacted(monkeypatch):
    """A worker that is killed then would leave it there, with the names that are burned in."""
    written: list[int] = []
    made = tempfile.NamedTemporaryFile

    def watched(*args: Any, **options: Any) -> Any:
        file = made(*args, **options)
        write = file.write
        file.write = lambda data: written.append(len(data)) or write(data)
        return file

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", watched)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    keep = np.ones((SIZE[1], SIZE[0]), bool)
    keep[:40] = False

    done = [redacted(planted_file(one).data, Mask.of(keep)) for one in ("jpeg gray", "jpeg 4:2:0")]

    assert all(done)
    assert written == []


def test_letters_beyond_the_edge_of_a_jpeg_do_not_come_along(tool, tmp_path):
    """A lossless crop cuts the header's height, not the blocks: up to 15 rows stay in the file."""
    picture = cine().pictures[0]
    taller = np.pad(picture, ((0, 16), (0, 0)), mode="edge")
    taller[144:] = 90  # a bar
    cv2.putText(taller, "KOWALSKI ANNA", (30, 157), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    for name, rows in (("plain.jpg", picture), ("cropped.jpg", taller)):
        out = io.BytesIO()
        Image.fromarray(np.repeat(rows[..., None], 3, axis=2)).save(out, "jpeg", quality=92)
        data = bytearray(out.getvalue())
        struct.pack_into(">H", data, data.index(b"\xff\xc0") + 5, 145 if rows is taller else 144)
        (tmp_path / name).write_bytes(data)

    plain = tool(tmp_path / "plain.jpg", dest=tmp_path / "plain")
    cropped = tool(tmp_path / "cropped.jpg", dest=tmp_path / "cropped")

    trap = (tmp_path / "cropped.jpg").read_bytes()
    assert below(trap).std() > 20, "an empty trap"
    assert (
        redacted(trap, Mask.of(np.ones((145, SIZE[0]), bool))) is None
    )  # though all of it may be seen
    assert plain.report["outcomes"][0]["pixels"] == "dct"
    assert cropped.report["outcomes"][0]["pixels"] != "dct" or (
        below(cropped.outputs[0].read_bytes()).std() < 2
    )


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_jpeg_that_is_turned_is_black_where_its_mask_says(key, turn):
    """A mask lies over what is shown; over the blocks as they are coded it hides something else."""
    shown = cine().pictures[0]
    shown[100:, 40:60] = 0  # so that it is like none of its mirror images
    coded = np.asarray(ImageOps.exif_transpose(turned(shown, INVERSE[turn])))
    out = io.BytesIO()
    image = turned(coded, turn)
    image.save(out, "jpeg", quality=95, exif=image.getexif())
    site = SiteConfig(site="st-elsewhere", bucket=".")

    done = rewritten(
        out.getvalue(), Origin("st-elsewhere", "", "a.jpg"), site, key, Policy(), RedactConfig()
    )

    keep = cv2.imdecode(np.frombuffer(done.mask, np.uint8), cv2.IMREAD_GRAYSCALE) > 0
    (before,), (after,) = pictures(out.getvalue()), pictures(done.data)
    assert np.abs(before.astype(int) - shown).mean() < 2
    assert done.how == ("dct" if turn == 1 else "lossless")
    assert np.array_equal(before[kept_exactly(keep)], after[kept_exactly(keep)])
    assert after[~keep].max() <= 24


INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def turned(picture: NDArray[np.uint8], turn: int) -> Image.Image:
    """A picture that says how it is to be turned."""
    image = Image.fromarray(picture)
    image.getexif()[0x0112] = turn
    return image


@pytest.mark.parametrize("scale", [1, 0.005], ids=["slow", "fast"])
@pytest.mark.parametrize("late", [0.0, 20.0])
def test_a_video_keeps_the_times_of_its_frames(key, late, scale):
    """Of uneven ones a mean rate would be wrong for each; plane waves have thousands a second."""
    times = [round(scale * time, 3) for time in (0.0, 40.0, 80.0 + late, 120.0 + late, 160.0)]
    tick = Fraction(1, 1_000_000)
    shown = make_cine(4, frames=5, size=SIZE, screen="none", burned_in=()).pictures
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as file:
        stream = file.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.height, stream.width = shown.shape[1:]
        stream.codec_context.time_base = tick
        for picture, time in zip(shown, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "gray")
            frame.pts, frame.time_base = round(time * 1000), tick
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    site = SiteConfig(site="st-elsewhere", bucket=".")

    done = rewritten(
        out.getvalue(), Origin("st-elsewhere", "", "a.mp4"), site, key, Policy(), RedactConfig()
    )

    assert list(read(out.getvalue()).times) == times == list(read(done.data).times)
    assert len(pictures(done.data)) == 5


def below(data: bytes) -> NDArray[np.uint8]:
    """What a JPEG's last blocks hold below its picture."""
    whole = bytearray(data)
    struct.pack_into(">H", whole, whole.index(b"\xff\xc0") + 5, 160)
    return np.asarray(Image.open(io.BytesIO(whole)).convert("L"))[146:]


def test_a_nifti_says_its_shape_and_spacing_and_nothing_else(ran):
    dest, outcomes = ran
    data = unpacked((dest / outcomes["nifti"]["output"]).read_bytes())
    header = data[data.index(b"\0\x5c\x01\0\0") + 1 :][:352]

    assert header[148 : 148 + 80 + 24].strip(b"\0") == b""  # descrip, aux_file
    assert header[328:344].strip(b"\0") == b""  # intent_name
    assert header[348:352] == b"\0" * 4  # no extension
    assert struct.unpack_from("<4h", header, 40) == (3, 192, 144, 3)


def test_a_dicom_says_how_it_was_cleaned_and_is_read_by_strangers(ran):
    dest, outcomes = ran

    header = dcmread(io.BytesIO((dest / outcomes["dicom jpeg"]["output"]).read_bytes()))

    assert header.BurnedInAnnotation == "NO"
    assert "113101" in [code.CodeValue for code in header.DeidentificationMethodCodeSequence]
    assert header.pixel_array.shape[:1] == (3,)
    assert header.preamble == b"\0" * 128
    assert header.file_meta.ImplementationVersionName == "ECHOATLAS"


def test_times_of_outputs_say_nothing(ran):
    dest, _ = ran

    times = {path.stat().st_mtime for path in dest.rglob("*.dcm")}

    assert times == {315532800.0}


def test_no_container_is_forgotten():
    made: list[PlantedFile] = [planted_file(container) for container in MAKERS]

    assert {*BY_FORMAT, "dicom"} - {"mpeg", "asf", "flv"} == {read(one.data).format for one in made}


def test_a_clip_that_is_gray_here_and_in_color_there_is_written_in_color(key):
    made = np.repeat(cine().pictures[..., None], 3, axis=-1)
    made[1, 60:80, 90:110, 0] = 255
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["frames"] = made
    site = SiteConfig(site="st-elsewhere", bucket=".")
    origin = Origin("st-elsewhere", "", "a.h5")

    done = rewritten(out.getvalue(), origin, site, key, Policy(), RedactConfig())

    keep = cv2.imdecode(np.frombuffer(done.mask, np.uint8), cv2.IMREAD_GRAYSCALE) > 0
    after = pictures(done.data)
    assert after.shape == made.shape
    assert np.array_equal(made[:, keep], after[:, keep])

"""Files with names and numbers where nobody looks: digits, tables, trailers, wrong kinds of values.

What ``hiding``, ``codestreams`` and ``planted`` plant is not planted again.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
import h5py
import nibabel
import numpy as np
import openpyxl
import tifffile
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from echoatlas.pipeline.deidentify_tool.containers.quantization import ZIGZAG
from echoatlas.simulate import write_dicom, write_png
from tests.helpers.conforming import volume as enhanced
from tests.helpers.hiding import Say
from tests.helpers.planted import SIZE, cine, still
from tests.helpers.torture import Trap, quick_dataset, written

# Through which something came before it was looked for there.
LEAKED_ONCE = (
    *("numbers.dcm", "grouped.dcm", "wrong-kinds.dcm", "volume.dcm", "report.dcm", "tables.jpg"),
    *("tables.dcm", "spelled.nii", "spelled.mha", "array.npy", "claims.dcm", "claims.mha"),
    *("claims.npy", "claims.nrrd", "syntax.dcm", "table.xlsx"),
)
# What claims more than it has, or holds no picture: held back, and the report says why.
HELD_BACK = {
    "records.npy": "no_pixels",
    "objects.npy": "no_pixels",
    "claims.dcm": "too_large",
    "claims.mha": "truncated",
    "claims.npy": "too_large",
    "claims.nrrd": "too_large",
    "array.npy": "unreadable",  # bytes behind the values, which its header does not explain
    "spelled.mha": "unreadable",
}
JPEG, H264, HEVC, MPEG2 = (f"1.2.840.10008.1.2.4.{end}" for end in ("50", "102", "107", "100"))
Make = Callable[[Say], bytes]
MAKERS: dict[str, Make] = {}


def canaries(names: Iterable[str]) -> Iterator[Trap]:
    """Files with words of their own; ``name`` is a file's, and has one in it as well.

    Args:
        names: keys of ``MAKERS``.
    """
    for name in names:
        say = Say(name)
        data = MAKERS[name](say)
        yield Trap(f"{say()}-{name}", data, tuple(say.planted))


def file(name: str) -> Callable[[Make], Make]:
    """Note how a file is made."""

    def note(make: Make) -> Make:
        MAKERS[name] = make
        return make

    return note


def double(word: str) -> float:
    """A number of ordinary size whose bytes spell six letters."""
    return float(struct.unpack("<d", word[:6].encode() + b"0@")[0])


def single(say: Say) -> tuple[float, float]:
    """Two numbers a little below one whose bytes as floats spell three letters each."""
    word = "{}?{}?".format(*(say.letters(3) for _ in "xy"))
    say.planted[-2:] = [say.made(word)]
    first, second = struct.unpack("<2f", word.encode())
    return float(first), float(second)


def regions(say: Say) -> Sequence:
    """Numbers of a region that spell words, and are record numbers, as they stand."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 2
    made.RegionLocationMinX0 = made.RegionLocationMinY0 = 0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = SIZE[0] - 1, SIZE[1] - 1
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX, made.PhysicalDeltaY = (float(f"0.0{say.digits()}") for _ in "xy")
    made.ReferencePixelPhysicalValueX = double(say.letters(6))
    made.ReferencePixelPhysicalValueY = double(say.letters(6))
    made.DopplerCorrectionAngle, made.SteeringAngle = (double(say.letters(6)) for _ in "xy")
    made.TransducerFrequency, made.PulseRepetitionFrequency = int(say.digits()), int(say.digits())
    made.PixelComponentMask = int(say.digits())
    made.PixelComponentRangeStart, made.PixelComponentRangeStop = 0, int(say.digits())
    made.NumberOfTableEntries = int(say.digits())
    made.TableOfXBreakPoints = list(struct.unpack("<2L", say.letters(8).encode()))
    made.TableOfPixelValues = [int(say.digits()), int(say.digits())]
    made.TableOfYBreakPoints = [double(say.letters(6)), double(say.letters(6))]
    made.TableOfParameterValues = list(single(say))
    return Sequence([made])


def header_of(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def whole(header: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, header, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue()


@file("numbers.dcm")
def _numbers(say: Say) -> bytes:
    header = header_of(write_dicom(cine()))
    header.SequenceOfUltrasoundRegions = regions(say)
    for keyword in ("MechanicalIndex", "BoneThermalIndex", "SoftTissueThermalIndex"):
        setattr(header, keyword, f"0.{say.digits()}")
    header.FrameTimeVector = ["0", f"33.{say.digits()}", f"33.{say.digits()}"]
    header.EffectiveDuration, header.FrameDelay = f"3.{say.digits()}", f"0.{say.digits()}"
    header.LossyImageCompressionRatio = f"7.{say.digits()}"
    for keyword in ("NumberOfStages", "StageNumber", "ViewNumber", "NumberOfViewsInStage"):
        setattr(header, keyword, say.digits())
    for keyword in ("SeriesNumber", "InstanceNumber", "DepthOfScanField", "CineRate"):
        setattr(header, keyword, say.digits())
    header.StudyTime = header.ContentTime = f"101112.{say.fraction()}"
    return whole(header)


@file("grouped.dcm")
def _grouped(say: Say) -> bytes:
    header, number = header_of(write_dicom(still())), say.digits()
    header.PatientID = f"00MRN{number}"
    header.AccessionNumber = f"{number[:3]} {number[3:6]} {number[6:]}"
    header.StudyDescription = f"liver of {number[:3]}-{number[3:6]}-{number[6:]}"
    (region,) = regions(Say("others"))
    region.TransducerFrequency = int(number)
    region.TableOfYBreakPoints = [float(number), float(f"99{number}")]
    header.SequenceOfUltrasoundRegions = Sequence([region])
    return whole(header)


@file("wrong-kinds.dcm")
def _wrong_kinds(say: Say) -> bytes:
    header, item = header_of(write_dicom(still())), Dataset()
    item.PatientName, item.StudyDescription = say(), f"liver {say()}"
    for tag in (0x00186011, 0x00082218, 0x00081140, 0x00082112, 0x52009229, 0x00081115):
        header.add(DataElement(tag, "LO", say()))
    for tag in (0x00081030, 0x00180015, 0x00081010, 0x00200060, 0x00181063, 0x00080018):
        header.add(DataElement(tag, "SQ", Sequence([item])))
    return whole(header)


@file("volume.dcm")
def _volume(say: Say) -> bytes:
    header, made = enhanced(), cine()
    header.Rows, header.Columns = made.pictures.shape[1:3]
    header.PixelData = made.pictures[:2].tobytes()
    header["PixelData"].VR = "OB"
    header.VolumeToTransducerMappingMatrix = [double(say.letters(6)) for _ in range(16)]
    header.ApexPosition = [double(say.letters(6)) for _ in "xyz"]
    header.AcquisitionDuration = double(say.letters(6))
    for groups in (header.SharedFunctionalGroupsSequence, header.PerFrameFunctionalGroupsSequence):
        for group in groups:
            group.add(DataElement(0x00291001, "LO", say()))
            private = Dataset()
            private.PatientName, private.FrameComments = say(), say()
            group.add(DataElement(0x00291002, "SQ", Sequence([private])))
            for inner in [inner for one in group if one.VR == "SQ" for inner in one.value]:
                inner.ImageComments = say()
                for one in inner:
                    if one.VR == "FD" and one.VM > 1:
                        one.value = [double(say.letters(6)) for _ in one.value]
    return written(header)


@file("report.dcm")
def _report(say: Say) -> bytes:
    header = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(header, keyword)

    def code(value: str, scheme: str) -> Sequence:
        made = Dataset()
        made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, say()
        return Sequence([made])

    items = []
    for number in (f"0.{say.digits()}", f"{say.digits()}.25", say.digits()):
        item, value = Dataset(), Dataset()
        item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
        item.ConceptNameCodeSequence = code("11820-8", "LN")
        value.add(DataElement(0x0040A30A, "DS", number))
        value.FloatingPointValue = double(say.letters(6))
        value.MeasurementUnitsCodeSequence = code("mm", "UCUM")
        item.MeasuredValueSequence, item.TextValue = Sequence([value]), say()
        place, image = Dataset(), Dataset()
        place.RelationshipType, place.ValueType = "INFERRED FROM", "SCOORD"
        place.GraphicType, place.GraphicData = "MULTIPOINT", [*single(say), *single(say)]
        image.RelationshipType, image.ValueType = "SELECTED FROM", "IMAGE"
        reference = Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
        reference.ReferencedSOPInstanceUID = f"1.2.3.{say.digits()}"
        image.ReferencedSOPSequence = Sequence([reference])
        place.ContentSequence = Sequence([image])
        item.ContentSequence = Sequence([place])
        items.append(item)
    header.ContentSequence = Sequence(items)
    return written(header)


def spelled(say: Say, count: int) -> list[list[int]]:
    """Quantization tables whose steps spell a word in the order of the file."""
    tables = []
    for _ in range(count):
        steps, table = b"\x10" + (say() * 7)[:63].encode(), [0] * 64  # black stays black by it
        for place, step in zip(ZIGZAG, steps, strict=True):
            table[place] = step
        tables.append(table)
    return tables


@file("tables.jpg")
def _tables(say: Say) -> bytes:
    out = io.BytesIO()
    Image.fromarray(still(True).pictures[0]).save(out, "jpeg", qtables=spelled(say, 2))
    return out.getvalue()


@file("tables.dcm")
def _tables_in_dicom(say: Say) -> bytes:
    header, out = header_of(write_dicom(still(), JPEG)), io.BytesIO()
    Image.fromarray(still().pictures[0]).save(out, "jpeg", qtables=spelled(say, 1))
    header.PixelData = encapsulate([out.getvalue()])
    header["PixelData"].is_undefined_length = True
    return whole(header)


@file("thumbnail.jpg")
def _thumbnail(say: Say) -> bytes:
    small, out = io.BytesIO(), io.BytesIO()
    Image.fromarray(still().pictures[0][:32, :32]).save(small, "jpeg", comment=say())
    Image.fromarray(still().pictures[0]).save(out, "jpeg", quality=90)
    data = out.getvalue()
    segments = [(0xE0, b"JFXX\0\x10" + small.getvalue()), (0xE2, b"MPF\0" + say().encode())]
    segments += [(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\n" + say().encode())]
    extra = b"".join(struct.pack(">BBH", 255, mark, 2 + len(b)) + b for mark, b in segments)
    return data[:20] + extra + data[20:] + small.getvalue()


def video(say: Say, kind: str, codec: str, more: bool = False) -> bytes:
    """A clip with tags, and where its kind has them chapters, subtitles and an attachment."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as clip:
        track = clip.add_stream(codec, rate=30)
        track.height, track.width, track.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        track.metadata["title"], track.metadata["language"] = say(), "pol"
        for key in ("title", "artist", "comment", "copyright", "album"):
            clip.metadata[key] = say()
        if more:
            clip.add_attachment(f"{say()}.txt", "text/plain", say().encode())
            end = Fraction(1, 1000)
            chapter = {"id": 1, "start": 0, "end": 90, "time_base": end}
            clip.set_chapters([{**chapter, "metadata": {"title": say()}}])
        for one in cine().pictures:
            clip.mux(track.encode(av.VideoFrame.from_ndarray(one, format="gray")))
        clip.mux(track.encode(None))
    return out.getvalue()


MAKERS["tags.mkv"] = lambda say: video(say, "matroska", "libx264", more=True)
MAKERS["tags.mov"] = lambda say: video(say, "mov", "libx264")
MAKERS["tags.avi"] = lambda say: video(say, "avi", "mpeg4")


def supplemental(codec: str, say: Say) -> bytes:
    """A bare stream with user data (H.264 D.1.7, HEVC D.2.7, MPEG-2 6.2.2.2)."""
    out = io.BytesIO()
    name = {"libx264": "h264", "libx265": "hevc", "mpeg2video": "mpeg2video"}[codec]
    with av.open(out, "w", format=name) as clip:
        track = clip.add_stream(codec, rate=30)
        track.height, track.width, track.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        track.options = {"x265-params": "log-level=none:pools=none"} if name == "hevc" else {}
        for one in cine().pictures:
            clip.mux(track.encode(av.VideoFrame.from_ndarray(one, format="gray")))
        clip.mux(track.encode(None))
    data = out.getvalue()
    if codec == "mpeg2video":
        at = data.index(b"\0\0\1\xb8")  # of the sequence, before its group of pictures
        return data[:at] + b"\0\0\1\xb2" + say().encode() + data[at:]
    body = bytes(range(1, 17)) + say().encode()
    head = b"\0\0\0\1\6" if codec == "libx264" else b"\0\0\0\1\x4e\1"
    return head + bytes([5, len(body)]) + body + b"\x80" + data


def streamed(syntax: str, codec: str) -> Make:
    def make(say: Say) -> bytes:
        header = header_of(write_dicom(cine(), syntax))
        header.PixelData = encapsulate([supplemental(codec, say)])
        header["PixelData"].is_undefined_length = True
        return whole(header)

    return make


MAKERS["sei-h264.dcm"] = streamed(H264, "libx264")
MAKERS["sei-hevc.dcm"] = streamed(HEVC, "libx265")
MAKERS["user-data-mpeg2.dcm"] = streamed(MPEG2, "mpeg2video")


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def commented(say: Say, data: bytes) -> bytes:
    """A PNG with a word in a text chunk after its header and one before its end."""
    first, last = (chunk(b"tEXt", b"Comment\0" + say().encode()) for _ in "xy")
    return data[:33] + first + data[33:-12] + last + data[-12:]


@file("chunks.png")
def _chunks(say: Say) -> bytes:
    data = write_png(still(), identify=False)
    extra = chunk(b"prIv", say().encode()) + chunk(b"eXIf", b"II*\0" + say().encode())
    extra += chunk(b"sPLT", say().encode() + b"\0\x08") + chunk(b"hIST", say().encode())
    return data[:33] + extra + data[33:] + data[-12:] + say().encode()


@file("animated.png")
def _animated(say: Say) -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(one) for one in cine().pictures]
    frames[0].save(out, "png", save_all=True, append_images=frames[1:], duration=[40, 70, 110])
    return commented(say, out.getvalue())


@file("blocks.gif")
def _blocks(say: Say) -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(one).convert("P") for one in cine().pictures]
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:], duration=40)
    data = out.getvalue()
    word, other = say().encode(), say().encode()
    app = b"!\xff\x0b" + (word + b"   ")[:11] + bytes([len(other)]) + other + b"\0"
    text = b"!\x01\x0c" + b"\0" * 12 + bytes([len(word)]) + word + b"\0"
    return data[:-1] + app + text + b";"


@file("pages.tif")
def _pages(say: Say) -> bytes:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as pages:
        for page in cine().pictures:
            pages.write(
                page, photometric="minisblack", description=say(),
                software=say(), metadata=None, contiguous=False,
                extratags=[(tag, "B", 10, say().encode(), True) for tag in (700, 34377)],
            )  # fmt: skip
    return out.getvalue()


def volume() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.ascontiguousarray(cine().pictures.transpose(2, 1, 0))


@file("spelled.nii")
def _spelled(say: Say) -> bytes:
    image = nibabel.Nifti1Image(volume(), None)
    image.header["pixdim"][1:3] = single(say)
    image.header["pixdim"][3:5] = single(say)
    image.header["quatern_b"], image.header["quatern_c"] = single(say)
    image.header["srow_x"][:2] = single(say)
    image.header["db_name"], image.header["data_type"] = say(), say()
    image.header.set_xyzt_units("mm")
    return bytes(image.to_bytes())


@file("spelled-2.nii.gz")
def _spelled_twice(say: Say) -> bytes:
    image = nibabel.Nifti2Image(volume(), None)
    image.header["pixdim"][1:3] = [double(say.letters(6)) / 2**4, double(say.letters(6)) / 2**4]
    image.header["descrip"], image.header["intent_name"] = say(), say()
    image.header.set_xyzt_units("mm")
    packed = io.BytesIO()
    with gzip.GzipFile(f"{say()}.nii", "wb", fileobj=packed) as out:
        out.write(image.to_bytes())
    return packed.getvalue()


@file("spelled.mha")
def _spelled_mha(say: Say) -> bytes:
    frames, (x, y) = cine().pictures, single(say)
    head = (
        f"ObjectType = Image\nNDims = 3\nElementSpacing = {x!r} {y!r} 1\n"
        f"Offset = 0.{say.digits()} 0 0\nAnatomicalOrientation = {say()}\nBinaryData = True\n"
        f"DimSize = {frames.shape[2]} {frames.shape[1]} {frames.shape[0]}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    # In decimals here, in bytes in what is written of it; behind the values, so that it is here.
    return head.encode() + frames.tobytes() + struct.pack("<2f", x, y)


@file("spelled.nrrd")
def _spelled_nrrd(say: Say) -> bytes:
    frames = cine().pictures
    head = (
        f"NRRD0005\n# {say()}\ntype: uint8\ndimension: 3\n"
        f"sizes: {frames.shape[2]} {frames.shape[1]} {frames.shape[0]}\n"
        f'spacings: 0.{say.digits()} 0.{say.digits()} {say.digits()}\nlabels: "{say()}" "y" "z"\n'
        f"encoding: raw\n{say()}:={say()}\n\n"
    )
    return head.encode() + frames.tobytes()


@file("names.h5")
def _names(say: Say) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        group = file.create_group(say())
        node = group.create_dataset(say(), data=cine().pictures)
        node.attrs[say()] = np.array([say()], "S10")
        node.dims[0].label = say()
        kind = np.dtype([(say(), "u1"), (say(), "S10")])
        group.create_dataset("table", data=np.zeros(4, kind))
        file["link"] = h5py.SoftLink(f"/{say()}")
        file["outer"] = h5py.ExternalLink(f"{say()}.h5", "/x")
    return out.getvalue()


@file("array.npy")
def _array(say: Say) -> bytes:
    out = io.BytesIO()
    np.save(out, cine().pictures)
    return out.getvalue() + say().encode()


@file("arrays.npz")
def _arrays(say: Say) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{say(): cine().pictures[::-1].copy()})
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = say().encode()
    return out.getvalue()


@file("records.npy")
def _records(say: Say) -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros((64, 64), [(say(), "u1"), ("b", "S10")]))
    return out.getvalue()


@file("objects.npy")
def _objects(say: Say) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([[say()] * 20] * 20, object), allow_pickle=True)
    return out.getvalue()


@file("archive.zip")
def _zip(say: Say) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo(f"{say()}/{say()}.png")
        member.comment, word = say().encode(), say().encode()
        member.extra = struct.pack("<HH", 0x7075, len(word)) + word
        archive.writestr(member, commented(say, write_png(still(), identify=False)))
        archive.comment = say().encode()
    return out.getvalue()


@file("archive.tar")
def _tar(say: Say) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        data = commented(say, write_png(still(True), identify=False))
        member = tarfile.TarInfo(f"{say()}.png")
        member.size, member.uname, member.gname = len(data), say(), say()
        member.pax_headers = {"comment": say()}
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


@file("claims.dcm")
def _claims(say: Say) -> bytes:
    return write_dicom(still(), overrides={"NumberOfFrames": say.digits()})


@file("claims.mha")
def _claims_mha(say: Say) -> bytes:
    sizes = f"DimSize = {say.digits()} 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    return f"ObjectType = Image\nNDims = 2\n{sizes}".encode() + bytes(64)


@file("claims.nrrd")
def _claims_nrrd(say: Say) -> bytes:
    head = f"NRRD0005\ntype: uint8\ndimension: 2\nsizes: {say.digits()} 40\nencoding: raw\n\n"
    return head.encode() + bytes(64)


@file("claims.npy")
def _claims_npy(say: Say) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"descr": "|u1", "fortran_order": False, "shape": (int(say.digits()), 1)}
    )
    return out.getvalue() + bytes(64)


@file("syntax.dcm")
def _syntax(say: Say) -> bytes:
    """A transfer syntax of somebody's own, which says what it is but to its maker."""
    data = write_dicom(still())
    stated, own = b"1.2.840.10008.1.2.1\0", f"1.2.826.0.{say.digits()}\0".encode()
    assert len(stated) == len(own) and stated in data
    return data.replace(stated, own, 1)


@file("table.xlsx")
def _table(say: Say) -> bytes:
    """A table of which its reader complains, number by number and by the names in it."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    sheet.append(["filename", "patient_id", say()])
    for _ in range(3):
        sheet.append([f"{say()}.png", say(), int(f"12{say.digits()}")])
        sheet.cell(sheet.max_row, 3).number_format = "yyyy-mm-dd"
    book.properties.creator, book.properties.title = say(), say()
    book.save(out)
    return out.getvalue()

"""Scans that hide an identifier wherever a DICOM file has room for one. Made, not stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from scorer import Planted

from echoatlas.pipeline.deidentify.standard import tables
from echoatlas.pipeline.vault import SiteKey

US_IMAGE, US_CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
EXPLICIT = "1.2.840.10008.1.2.1"
TEXT = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
BINARY = frozenset({"OB", "OW", "UN"})
DEPTHS = ("top", "once", "thrice", "private", "private as UN")


def make_key(seed: int = 1, site: str = "st-elsewhere") -> SiteKey:
    """A key with a secret of its own for each seed."""
    return SiteKey.of(site, random.Random(seed).randbytes(32))


def quick_dataset(**attributes: Any) -> Dataset:
    """A small valid US Image header, attributes set last; None removes one."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "BREAST", "0001"]
    ds.SOPClassUID, ds.SOPInstanceUID = US_IMAGE, "1.2.3.4.5.6"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20230517", "101112", "ACC77123"
    ds.Modality, ds.Manufacturer = "US", "GE Medical Systems"
    ds.ManufacturerModelName, ds.ReferringPhysicianName = "LOGIQ 9", "Doctor^Ref"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "MRN0042", "19700101"
    ds.PatientSex, ds.PatientAge = "F", "053Y"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.StudyID = "1.2.3.4", "1.2.3.4.5", "S1"
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 8, 8, 7
    ds.PixelRepresentation = 0
    for keyword, value in attributes.items():
        if value is None:
            del ds[keyword]
        else:
            setattr(ds, keyword, value)
    return ds


def written(ds: Dataset, transfer_syntax: str = EXPLICIT, preamble: bytes = b"\0" * 128) -> bytes:
    """A dataset as a file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = transfer_syntax
    ds.preamble = preamble
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Trap:
    """A file and what was planted in it."""

    name: str
    data: bytes
    planted: tuple[Planted, ...]


def rows_as_traps(depth: str, a_file: int = 60) -> Iterator[Trap]:
    """Every row of Table E.1-1 that can hold a value, with a value of its own, at one depth."""
    random_ = random.Random(f"rows {depth}")
    tags = [tag for tag in _tags() if tag >> 16 not in (0, 2)]
    for start in range(0, len(tags), a_file):
        holder, planted = Dataset(), []
        for tag in tags[start : start + a_file]:
            made = _element(tag, random_)
            if made is not None:
                element, value, action = made
                holder.add(element)
                place = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {depth}"
                planted.append(Planted(value, place, action))
        ds = quick_dataset(SOPInstanceUID=f"1.2.3.{start}.{DEPTHS.index(depth)}")
        _nest(ds, holder, depth)
        yield Trap(f"rows {depth} {start}", written(ds), tuple(planted))


def _tags() -> list[int]:
    found = []
    for name in tables()[0]:
        if name == "PRIVATE":
            found += [0x00090010, 0x00091001, 0x00290010, 0x00291008]
        elif name == "50XXXXXX":
            found += [0x50003000, 0x50002500, 0x501E3000]
        elif name.startswith("60XX"):
            found += [int(name.replace("XX", digits), 16) for digits in ("00", "02", "1E")]
        else:
            found.append(int(name, 16))
    return sorted(found)


def _element(tag: int, random_: random.Random) -> tuple[DataElement, str, str] | None:
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "LO"
    vr = {"OB or OW": "OB", "US or OW": "OW", "US or SS": "US"}.get(vr, vr)
    word = "Q" + "".join(random_.choices("BCDFGHJKLMNPQRTVWXZ", k=9))
    if vr == "SQ":
        item = Dataset()
        item.add(DataElement(0x00080104, "LO", word))
        item.add(DataElement(0x00100010, "PN", word))
        return DataElement(tag, "SQ", Sequence([item])), word, "text_removed"
    if vr in TEXT:
        return DataElement(tag, vr, word), word, "text_removed"
    if vr in BINARY:
        return DataElement(tag, vr, word.encode()), word, "text_removed"
    if vr == "UI":
        uid = f"1.3.6.1.4.1.{random_.randrange(10**14, 10**15)}"
        return DataElement(tag, vr, uid), uid, "uid_changed"
    if vr in ("DA", "DT"):
        # A day that no shift of 30 to 3650 days brings about from any other planted one.
        day = f"19{random_.randrange(10, 60)}{random_.randrange(1, 13):02d}17"
        value = day if vr == "DA" else f"{day}{random_.randrange(10**5, 10**6)}"[:14]
        return DataElement(tag, vr, value), value, "date_shifted"
    if vr == "TM":
        value = f"{random_.randrange(24):02d}5959.{random_.randrange(10**5, 10**6)}"
        return DataElement(tag, vr, value), value, "text_removed"
    return None  # numbers and tags hold no text


def _nest(ds: Dataset, holder: Dataset, depth: str) -> None:
    if depth == "top":
        ds.update(holder)
        ds.SOPClassUID = US_IMAGE
        return
    item = holder
    if depth == "thrice":
        for _ in range(2):
            outer = Dataset()
            outer.ReferencedImageSequence = Sequence([item])
            item = outer
    if depth in ("once", "thrice"):
        ds.SequenceOfUltrasoundRegions = Sequence([item])
        ds.AnatomicRegionSequence = Sequence([Dataset(holder)])
        return
    ds.add(DataElement(0x00290010, "LO", "ACME 1.0"))
    ds.add(DataElement(0x00291010, "SQ", Sequence([item])))
    if depth == "private as UN":
        plain = BytesIO()
        inner = Dataset()
        inner.add(DataElement(0x00291010, "SQ", Sequence([item])))
        inner.file_meta = FileMetaDataset()
        inner.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
        dcmwrite(plain, inner, implicit_vr=True, little_endian=True)
        ds.add(DataElement(0x00291011, "UN", plain.getvalue()))


HIDING_PLACES: dict[str, Callable[[Dataset, str], None]] = {}


def _place(name: str) -> Callable[[Callable[[Dataset, str], None]], Callable[[Dataset, str], None]]:
    def note(hide: Callable[[Dataset, str], None]) -> Callable[[Dataset, str], None]:
        HIDING_PLACES[name] = hide
        return hide

    return note


@_place("private creator")
def _creator(ds: Dataset, word: str) -> None:
    ds.add(DataElement(0x00090010, "LO", word))


@_place("original attributes")
def _original(ds: Dataset, word: str) -> None:
    old, item = Dataset(), Dataset()
    old.PatientName = word
    item.ModifiedAttributesSequence, item.SourceOfPreviousValues = Sequence([old]), word
    ds.OriginalAttributesSequence = Sequence([item])


@_place("encrypted attributes")
def _encrypted(ds: Dataset, word: str) -> None:
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID, item.EncryptedContent = EXPLICIT, word.encode()
    ds.EncryptedAttributesSequence = Sequence([item])


@_place("digital signature")
def _signature(ds: Dataset, word: str) -> None:
    item = Dataset()
    item.Signature, item.CertificateOfSigner = word.encode(), word.encode()
    ds.DigitalSignaturesSequence = Sequence([item])


@_place("overlay comment and label")
def _overlay(ds: Dataset, word: str) -> None:
    for group in range(0x6000, 0x6020, 2):
        ds.add(DataElement(group << 16 | 0x4000, "LT", word))
        ds.add(DataElement(group << 16 | 0x1500, "LO", word))
        ds.add(DataElement(group << 16 | 0x3000, "OB", word.encode()))


@_place("curve")
def _curve(ds: Dataset, word: str) -> None:
    ds.add(DataElement(0x50003000, "OB", word.encode()))
    ds.add(DataElement(0x50000022, "LO", word))


@_place("graphic annotation")
def _graphic(ds: Dataset, word: str) -> None:
    text, item = Dataset(), Dataset()
    text.UnformattedTextValue = word
    item.TextObjectSequence, item.GraphicLayer = Sequence([text]), word
    ds.GraphicAnnotationSequence = Sequence([item])


@_place("icon")
def _icon(ds: Dataset, word: str) -> None:
    item = Dataset()
    item.add(DataElement(0x7FE00010, "OB", word.encode()))
    item.Rows = 1
    ds.IconImageSequence = Sequence([item])


@_place("ICC profile")
def _icc(ds: Dataset, word: str) -> None:
    ds.ICCProfile = b"\0" * 64 + b"desc" + word.encode()


@_place("trailing padding")
def _padding(ds: Dataset, word: str) -> None:
    ds.DataSetTrailingPadding = word.encode()


@_place("code meaning")
def _meaning(ds: Dataset, word: str) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "76752008", "SCT", word
    ds.AnatomicRegionSequence = Sequence([code])


@_place("private code")
def _private_code(ds: Dataset, word: str) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = word, "99LOCAL", word
    ds.AnatomicRegionSequence = Sequence([code])


@_place("descriptor")
def _descriptor(ds: Dataset, word: str) -> None:
    ds.StudyDescription = f"US BREAST {word} left"
    ds.SeriesDescription = f"{word}'s liver"
    ds.ProtocolName = ds.ViewName = ds.StageName = word


@_place("closed vocabularies")
def _vocabularies(ds: Dataset, word: str) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", word, "0001", word]
    ds.BodyPartExamined = ds.Laterality = ds.TransducerType = word
    ds.PatientSex = ds.PresentationLUTShape = ds.LossyImageCompressionMethod = word


@_place("device")
def _device(ds: Dataset, word: str) -> None:
    ds.ManufacturerModelName = f"LOGIQ 9 {word}"
    ds.TransducerData, ds.DeviceSerialNumber = ["C5-1", word], word
    ds.StationName = ds.SoftwareVersions = word


@_place("numbers as text")
def _numbers(ds: Dataset, word: str) -> None:
    for tag, vr in ((0x00200011, "IS"), (0x00101020, "DS"), (0x00181063, "DS")):
        ds.add(DataElement(tag, "LO", word))
        assert dictionary_VR(tag) == vr


@_place("UID below the standard's root")
def _root(ds: Dataset, word: str) -> None:
    ds.SOPInstanceUID = "1.2.840.10008." + ".".join(str(ord(sign)) for sign in word)
    ds.InstitutionName = word


@_place("lookup table")
def _lut(ds: Dataset, word: str) -> None:
    ds.PhotometricInterpretation = "PALETTE COLOR"
    for color in ("Red", "Green", "Blue"):
        setattr(ds, f"{color}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(ds, f"{color}PaletteColorLookupTableData", b"\0" * 8 + word.encode())


@_place("ultrasound region")
def _region(ds: Dataset, word: str) -> None:
    item = Dataset()
    item.RegionSpatialFormat, item.PatientName, item.InstitutionName = 1, word, word
    item.add(DataElement(0x00290010, "LO", word))
    ds.SequenceOfUltrasoundRegions = Sequence([item])


def hiding_places() -> Iterator[Trap]:
    """Each hiding place with a word of its own, and those outside the dataset."""
    random_ = random.Random("hiding places")
    for number, (name, hide) in enumerate(HIDING_PLACES.items()):
        word = _word(random_)
        ds = quick_dataset(SOPInstanceUID=f"1.2.3.77.{number}")
        hide(ds, word)
        yield Trap(name, written(ds), (Planted(word, name),))
    word = _word(random_)
    preamble = word.encode().ljust(128, b"\0")
    yield Trap(
        "preamble", written(quick_dataset(), preamble=preamble), (Planted(word, "preamble"),)
    )
    word, ds = _word(random_), quick_dataset()
    data = written(ds)
    meta = dcmread(BytesIO(data))
    meta.file_meta.SourceApplicationEntityTitle = word
    meta.file_meta.PrivateInformationCreatorUID = "1.2.3.4"
    meta.file_meta.PrivateInformation = word.encode()
    buffer = BytesIO()
    dcmwrite(buffer, meta)
    yield Trap("group 0002", buffer.getvalue(), (Planted(word, "group 0002"),))
    word = _word(random_)
    behind = b"\xfc\xff\xfc\xffOB\0\0" + len(word).to_bytes(4, "little") + word.encode()
    yield Trap("behind the dataset", data + behind, (Planted(word, "trailing"),))


def _word(random_: random.Random) -> str:
    return "Z" + "".join(random_.choices("BCDFGHJKLMNPQRTVWXZ", k=9))


NAMES = {
    "ISO_IR 100": "Müller^Jürgen",
    "ISO_IR 144": "Люкceмбypг^Роза",
    "ISO_IR 126": "Διονυσιος^Σολωμος",
    "ISO_IR 192": "Wang^XiaoDong=王^小东",
    "GB18030": "Zhang^XiaoDong=张^小东",
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    "\\ISO 2022 IR 58": "Zhang^XiaoDong=张^小东",
}


def names_as_traps() -> Iterator[Trap]:
    """Names in every family of character sets, phonetic and ideographic groups included."""
    for number, (charset, name) in enumerate(NAMES.items()):
        ds = quick_dataset(SOPInstanceUID=f"1.2.3.88.{number}", PatientName=name)
        ds.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
        ds.OtherPatientNames = ds.OperatorsName = name
        ds.StudyDescription = f"Breast {name.split('=')[-1].replace('^', ' ')}"
        parts = {part for group in name.split("=") for part in group.split("^") if len(part) > 1}
        planted = tuple(Planted(part, f"name in {charset}") for part in sorted(parts))
        yield Trap(f"name in {charset}", written(ds), planted)

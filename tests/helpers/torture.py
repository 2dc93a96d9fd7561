"""Scans that hide an identifier wherever a DICOM file has room for one. Made, not stored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pydicom import config, dcmwrite
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from echoatlas.pipeline.deidentify.header.ps315 import tables
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from tests.helpers.scorer import Planted

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

US_IMAGE, US_CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
EXPLICIT = "1.2.840.10008.1.2.1"
TEXT = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
BINARY = frozenset({"OB", "OW", "UN"})
DEPTHS = (
    "top", "once", "thrice", "public as UN", "original", "functional", "private", "private as UN",
)  # fmt: skip
WARNS = "ignore::UserWarning"  # of pydicom, for values that no standard allows


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


def rows_as_traps(depth: str, picture: Picture | None = None, a_file: int = 60) -> Iterator[Trap]:
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
                nested = depth != "top" or element.VR == "SQ"
                place = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {depth}"
                planted.append(Planted(value, place, action, nested))
        ds = quick_dataset(SOPInstanceUID=f"1.2.3.{start}.{DEPTHS.index(depth)}")
        _nest(ds, holder, depth)
        yield Trap(f"rows {depth} {start}", written(shown(ds, picture)), tuple(planted))


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
        # Of centuries without scans: a shifted date hardly ever is another planted one.
        day = f"{random_.randrange(1000, 1800)}{random_.randrange(1, 13):02d}17"
        value = (
            day if vr == "DA" else f"{day}1011{random_.randrange(10, 60)}.{random_.random():.6f}"
        )
        value = value.replace(".0.", ".")
        return DataElement(tag, vr, value), value, "date_shifted"
    if vr == "TM":
        value = f"{random_.randrange(24):02d}5959.{random_.randrange(10**5, 10**6)}"
        return DataElement(tag, vr, value), value, "text_removed"
    return None  # numbers and tags hold no text


def _nest(ds: Dataset, holder: Dataset, depth: str) -> None:
    item = holder
    if depth == "top":
        ds.update(holder)
        ds.SOPClassUID = US_IMAGE
    elif depth == "once":
        ds.SequenceOfUltrasoundRegions = Sequence([item])
        ds.AnatomicRegionSequence = Sequence([Dataset(holder)])
    elif depth == "thrice":
        for _ in range(2):
            outer = Dataset()
            outer.ReferencedImageSequence = Sequence([item])
            item = outer
        ds.SequenceOfUltrasoundRegions = Sequence([item])
        ds.AnatomicRegionSequence = Sequence([Dataset(holder)])
    elif depth == "public as UN":
        ds.add(_unknown(0x00400555, item))
    elif depth == "original":
        change = Dataset()
        change.ModifiedAttributesSequence = Sequence([item])
        ds.OriginalAttributesSequence = Sequence([change])
    elif depth == "functional":
        frame = Dataset()
        frame.FrameContentSequence = Sequence([item])
        ds.PerFrameFunctionalGroupsSequence = Sequence([frame])
        ds.SharedFunctionalGroupsSequence = Sequence([Dataset(holder)])
    else:
        ds.add(DataElement(0x00290010, "LO", "ACME 1.0"))
        ds.add(DataElement(0x00291010, "SQ", Sequence([item])))
        if depth == "private as UN":
            ds[0x00291010] = _unknown(0x00291010, item)


def _unknown(tag: int, item: Dataset) -> DataElement:
    """A sequence as an element of VR UN, its items in implicit VR (PS3.5 6.2.2)."""
    plain, inner = BytesIO(), Dataset()
    inner.add(DataElement(tag, "SQ", Sequence([item])))
    dcmwrite(plain, inner, implicit_vr=True, little_endian=True)
    config.replace_un_with_known_vr = False
    try:
        return DataElement(tag, "UN", plain.getvalue()[8:])
    finally:
        config.replace_un_with_known_vr = True


def shown(ds: Dataset, picture: Picture | None) -> Dataset:
    """The same dataset with a gray picture, native; as it is without one."""
    if picture is not None:
        ds.Rows, ds.Columns = picture.shape
        ds.PixelData = picture.tobytes()
        ds["PixelData"].VR = "OB"
        if ds.get("ManufacturerModelName") == "LOGIQ 9":
            ds.ManufacturerModelName = "LOGIQe"  # some tools take no device that they don't know
    return ds

"""Where a DICOM file has room for an identifier besides the rows of Table E.1-1."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.helpers.scorer import Planted
from tests.helpers.torture import EXPLICIT, Trap, quick_dataset, shown, written

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


class Say:
    """Gives a new word each time, and remembers that it was planted."""

    def __init__(self, place: str) -> None:
        self._random = random.Random(f"words {place}")
        self._place = place
        self.planted: list[Planted] = []

    def __call__(self) -> str:
        return self._planted("Z" + "".join(self._random.choices("BCDFGHJKLMNPQRTVWXZ", k=9)))

    def digits(self) -> str:
        """A number of nine digits."""
        return self._planted(str(self._random.randrange(10**8, 2 * 10**9 // 10)))

    def letters(self, count: int) -> str:
        """A word of so many letters."""
        return self._planted("".join(self._random.choices("BCDFGHJKLMNPQRTVWXZ", k=count)))

    def fraction(self) -> str:
        """Six digits, as behind the point of a time."""
        return self._planted(str(self._random.randrange(10**5, 10**6)))

    def made(self, value: str) -> Planted:
        """A value of the caller's, planted in this place."""
        return Planted(value, self._place)

    def _planted(self, value: str) -> str:
        self.planted.append(self.made(value))
        return value


Hide = Callable[[Dataset, Say], None]
PLACES: dict[str, Hide] = {}


def place(name: str) -> Callable[[Hide], Hide]:
    """Note a way to hide words in a dataset."""

    def note(hide: Hide) -> Hide:
        PLACES[name] = hide
        return hide

    return note


def hiding_places(picture: Picture | None = None) -> Iterator[Trap]:
    """Each hiding place with words of its own, and those outside the dataset."""
    for number, (name, hide) in enumerate(PLACES.items()):
        say, ds = Say(name), quick_dataset(SOPInstanceUID=f"1.2.3.77.{number}")
        hide(ds, say)
        yield Trap(name, written(shown(ds, picture)), tuple(say.planted))
    for number, (name, put) in enumerate(OUTSIDE.items()):
        say = Say(name)
        ds = shown(quick_dataset(SOPInstanceUID=f"1.2.3.78.{number}"), picture)
        yield Trap(name, put(ds, say), tuple(say.planted))


@place("private creator")
def _creator(ds: Dataset, say: Say) -> None:
    for group in (0x0009, 0x0019, 0x0021, 0x0029, 0x7FE1):
        ds.add(DataElement(group << 16 | 0x10, "LO", say()))
        ds.add(DataElement(group << 16 | 0x1001, "LO", say()))


@place("private attribute without a creator")
def _creatorless(ds: Dataset, say: Say) -> None:
    for vr in ("LO", "LT", "PN", "UT", "UN", "OB"):
        word = say()
        tag = 0x00331000 + len(ds)
        ds.add(DataElement(tag, vr, word.encode() if vr in ("UN", "OB") else word))


@place("original attributes")
def _original(ds: Dataset, say: Say) -> None:
    old, item = Dataset(), Dataset()
    old.PatientName, old.PatientID = say(), say()
    item.ModifiedAttributesSequence, item.SourceOfPreviousValues = Sequence([old]), say()
    item.ModifyingSystem, item.ReasonForTheAttributeModification = say(), "CORRECT"
    ds.OriginalAttributesSequence = Sequence([item])


@place("encrypted attributes")
def _encrypted(ds: Dataset, say: Say) -> None:
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID, item.EncryptedContent = EXPLICIT, say().encode()
    ds.EncryptedAttributesSequence = Sequence([item])


@place("digital signature")
def _signature(ds: Dataset, say: Say) -> None:
    item = Dataset()
    item.Signature, item.CertificateOfSigner = say().encode(), say().encode()
    item.CertifiedTimestamp = say().encode()
    ds.DigitalSignaturesSequence = Sequence([item])


@place("overlays")
def _overlay(ds: Dataset, say: Say) -> None:
    for group in range(0x6000, 0x6020, 2):
        ds.add(DataElement(group << 16 | 0x4000, "LT", say()))
        ds.add(DataElement(group << 16 | 0x1500, "LO", say()))
        ds.add(DataElement(group << 16 | 0x0022, "LO", say()))
        ds.add(DataElement(group << 16 | 0x3000, "OB", say().encode()))


@place("curves")
def _curve(ds: Dataset, say: Say) -> None:
    for group in range(0x5000, 0x5020, 4):
        ds.add(DataElement(group << 16 | 0x3000, "OB", say().encode()))
        ds.add(DataElement(group << 16 | 0x0022, "LO", say()))
        ds.add(DataElement(group << 16 | 0x2500, "LO", say()))


@place("graphic annotation")
def _graphic(ds: Dataset, say: Say) -> None:
    text, item = Dataset(), Dataset()
    text.UnformattedTextValue = say()
    item.TextObjectSequence, item.GraphicLayer = Sequence([text]), say()
    ds.GraphicAnnotationSequence = Sequence([item])
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = say(), say(), say()


@place("icon")
def _icon(ds: Dataset, say: Say) -> None:
    item = Dataset()
    item.add(DataElement(0x7FE00010, "OB", say().encode()))
    item.Rows, item.ImageComments = 1, say()
    ds.IconImageSequence = Sequence([item])


@place("ICC profile")
def _icc(ds: Dataset, say: Say) -> None:
    ds.ICCProfile = b"\0" * 64 + b"desc" + say().encode()
    ds.ColorSpace = say()


@place("trailing padding")
def _padding(ds: Dataset, say: Say) -> None:
    ds.DataSetTrailingPadding = say().encode()


@place("codes")
def _codes(ds: Dataset, say: Say) -> None:
    known, local, long, equal = Dataset(), Dataset(), Dataset(), Dataset()
    known.CodeValue, known.CodingSchemeDesignator, known.CodeMeaning = "76752008", "SCT", say()
    known.CodingSchemeVersion, known.ContextIdentifier = say(), say()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = say(), "99LOCAL", say()
    long.LongCodeValue, long.CodingSchemeDesignator, long.CodeMeaning = say(), "SCT", say()
    equal.URNCodeValue, equal.CodeMeaning = f"urn:oid:{say()}", say()
    known.EquivalentCodeSequence = Sequence([equal])
    ds.AnatomicRegionSequence = Sequence([known, local, long])
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = "99LOCAL", say()
    scheme.CodingSchemeResponsibleOrganization = say()
    ds.CodingSchemeIdentificationSequence = Sequence([scheme])


@place("descriptors")
def _descriptor(ds: Dataset, say: Say) -> None:
    ds.StudyDescription = f"US BREAST {say()} left"
    ds.SeriesDescription = f"{say()}'s liver"
    ds.ProtocolName, ds.ViewName, ds.StageName = say(), say(), say()
    ds.ImageComments, ds.FrameComments = f"thyroid of {say()}", say()
    ds.DerivationDescription, ds.AdditionalPatientHistory = say(), say()
    ds.AcquisitionDeviceProcessingDescription = say()


@place("explanations and labels of display")
def _display(ds: Dataset, say: Say) -> None:
    ds.WindowCenter, ds.WindowWidth = 128, 256
    ds.WindowCenterWidthExplanation = say()
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation, table.ModalityLUTType = [4, 0, 8], say(), say()
    table.add(DataElement(0x00283006, "OW", say().encode()))
    ds.ModalityLUTSequence = ds.VOILUTSequence = Sequence([table])
    ds.RescaleType, ds.PixelPaddingValue = say(), 0


@place("closed vocabularies")
def _vocabularies(ds: Dataset, say: Say) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", say(), "0001", say()]
    ds.BodyPartExamined, ds.Laterality, ds.TransducerType = say(), say(), say()
    ds.PatientSex, ds.PresentationLUTShape, ds.LossyImageCompressionMethod = say(), say(), say()
    ds.QualityControlImage, ds.BurnedInAnnotation, ds.PatientPosition = say(), say(), say()
    ds.ScanningSequence, ds.ColorSpace, ds.VOILUTFunction = say(), say(), say()


@place("values after a NUL or among several")
def _after_nul(ds: Dataset, say: Say) -> None:
    ds.PatientSex, ds.BodyPartExamined = f"F\0{say()}", f"BREAST\0{say()}"
    ds.TransducerType = ["SECTOR_PHASED", say(), say()]
    ds.ManufacturerModelName = f"LOGIQ 9\0{say()}"
    ds.add(DataElement(0x00080070, "LO", f"GE Medical Systems\\{say()}"))


@place("device")
def _device(ds: Dataset, say: Say) -> None:
    ds.ManufacturerModelName = f"LOGIQ 9 {say()}"
    ds.TransducerData, ds.DeviceSerialNumber = ["C5-1", say()], say()
    ds.StationName, ds.SoftwareVersions = say(), say()
    made = Dataset()
    made.Manufacturer, made.InstitutionName, made.StationName = say(), say(), say()
    made.ContributionDescription = say()
    ds.ContributingEquipmentSequence = Sequence([made])


@place("numbers as text")
def _numbers(ds: Dataset, say: Say) -> None:
    for tag in (0x00200011, 0x00200013, 0x00101020, 0x00101030, 0x00181063, 0x00280034):
        ds.add(DataElement(tag, "LO", say()))


@place("a medical record number among numbers")
def _record_number(ds: Dataset, say: Say) -> None:
    ds.PatientID = number = say.digits()
    ds.AccessionNumber = ds.SeriesNumber = ds.InstanceNumber = ds.AcquisitionNumber = number
    ds.PatientWeight, ds.HeartRate, ds.ReferencedFrameNumber = number, number, number


@place("a medical record number among measurements")
def _measurements(ds: Dataset, say: Say) -> None:
    """Where any number may stand, in any unit: as it is, as a fraction, as an id with letters."""
    number = say.digits()
    ds.PatientID, ds.DepthOfScanField = f"H-{number}", int(number)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.ReferencePixelPhysicalValueX = region.ReferencePixelPhysicalValueY = float(number)
    region.PhysicalDeltaX = region.PhysicalDeltaY = float(f"0.{number}")
    region.DopplerCorrectionAngle = region.SteeringAngle = -float(number)
    region.TransducerFrequency = int(number)
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds.FrameTimeVector = [0.0, float(number)]


@place("an accession number and a birth date among measurements")
def _other_numbers(ds: Dataset, say: Say) -> None:
    region = Dataset()
    ds.AccessionNumber = accession = say.digits()
    ds.PatientBirthDate = born = "19440117"
    say.planted.append(Planted(born, "an accession number and a birth date among measurements"))
    region.TransducerFrequency, region.PulseRepetitionFrequency = int(accession), int(born)
    ds.SequenceOfUltrasoundRegions = Sequence([region])


@place("UIDs")
def _uids(ds: Dataset, say: Say) -> None:
    ds.SOPInstanceUID = f"1.2.840.10008.{say.digits()}"
    ds.StudyInstanceUID = f"1.3.6.1.4.1.9.{say.digits()}.{say.digits()}"
    ds.FrameOfReferenceUID, ds.PatientID = f"2.25.{say.digits()}", say.digits()
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    reference.add(DataElement(0x00081155, "UI", say()))
    ds.SourceImageSequence = Sequence([reference])
    ds.InstitutionName = say()


@place("lookup tables")
def _lut(ds: Dataset, say: Say) -> None:
    for color in ("Red", "Green", "Blue"):
        setattr(ds, f"{color}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(ds, f"{color}PaletteColorLookupTableData", b"\0" * 8 + say().encode())
        tag = {"Red": 0x00281221, "Green": 0x00281222, "Blue": 0x00281223}[color]
        ds.add(DataElement(tag, "OW", say().encode()))


@place("ultrasound region")
def _region(ds: Dataset, say: Say) -> None:
    item = Dataset()
    item.RegionSpatialFormat, item.PatientName, item.InstitutionName = 1, say(), say()
    item.add(DataElement(0x00290010, "LO", say()))
    item.add(DataElement(0x00186050, "LO", say()))
    ds.SequenceOfUltrasoundRegions = Sequence([item])


@place("requests, steps and visits")
def _requests(ds: Dataset, say: Say) -> None:
    step, code = Dataset(), Dataset()
    step.RequestedProcedureDescription, step.RequestedProcedureID = say(), say()
    step.ScheduledProcedureStepDescription, step.ReasonForTheRequestedProcedure = say(), say()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = say(), "L", say()
    step.ScheduledProtocolCodeSequence = Sequence([code])
    ds.RequestAttributesSequence = Sequence([step])
    ds.PerformedProcedureStepID, ds.CurrentPatientLocation, ds.AdmissionID = say(), say(), say()
    ds.CommentsOnThePerformedProcedureStep = say()


@place("unknown public attributes")
def _unknown(ds: Dataset, say: Say) -> None:
    for tag in (0x00080FFE, 0x00101FFE, 0x0018FFFE, 0x00201FF0, 0x00321FF0, 0x4008FFF0, 0x7FE00002):
        ds.add(DataElement(tag, "UN", say().encode()))
    ds.add(DataElement(0x00189999, "UT", say()))


@place("acquisition context and structured content")
def _content(ds: Dataset, say: Say) -> None:
    item, name = Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "121106", "DCM", say()
    item.ValueType, item.TextValue, item.PersonName = "TEXT", say(), say()
    item.ConceptNameCodeSequence = Sequence([name])
    ds.AcquisitionContextSequence = ds.ContentSequence = Sequence([item])


@place("encapsulated document and spectroscopy")
def _document(ds: Dataset, say: Say) -> None:
    ds.EncapsulatedDocument, ds.DocumentTitle = say().encode(), say()
    ds.add(DataElement(0x56000020, "OF", (say() + "  ").encode()))


@place("audio and waveform")
def _waveform(ds: Dataset, say: Say) -> None:
    channel, group = Dataset(), Dataset()
    channel.ChannelLabel = say()
    group.ChannelDefinitionSequence, group.MultiplexGroupLabel = Sequence([channel]), say()
    group.add(DataElement(0x54001010, "OB", say().encode()))
    ds.WaveformSequence = Sequence([group])
    ds.add(DataElement(0x50002500, "LO", say()))
    ds.add(DataElement(0x5000200C, "OB", say().encode()))


OUTSIDE: dict[str, Callable[[Dataset, Say], bytes]] = {
    "preamble": lambda ds, say: written(ds, preamble=say().encode().ljust(128, b"\0")),
    "behind the dataset": lambda ds, say: written(ds) + say().encode(),
    "(FFFC,FFFC) behind the dataset": lambda ds, say: (
        written(ds) + b"\xfc\xff\xfc\xffOB\0\0\x0a\0\0\0" + say().encode()
    ),
    "deflated": lambda ds, say: _deflated(ds, say),
    "group 0002": lambda ds, say: _meta(ds, say),
}


def _deflated(ds: Dataset, say: Say) -> bytes:
    ds.StationName, ds.PatientComments = say(), say()
    return written(ds, "1.2.840.10008.1.2.1.99")


def _meta(ds: Dataset, say: Say) -> bytes:
    meta = dcmread(BytesIO(written(ds)))
    meta.file_meta.SourceApplicationEntityTitle = say()
    meta.file_meta.SendingApplicationEntityTitle = say()
    meta.file_meta.ReceivingApplicationEntityTitle = say()
    meta.file_meta.ImplementationVersionName = say()
    meta.file_meta.PrivateInformationCreatorUID = "1.2.3.4"
    meta.file_meta.PrivateInformation = say().encode()
    buffer = BytesIO()
    dcmwrite(buffer, meta)
    return buffer.getvalue()

"""DICOM headers of ultrasound scans, with identifiers in every place where scanners put them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.schemas.fan import Mode, Shape
from echoatlas.simulate.pictures.fans import area_of
from echoatlas.simulate.wording import words

if TYPE_CHECKING:
    from echoatlas.schemas.fan import Fan
    from echoatlas.simulate.identities import Identity
    from echoatlas.simulate.pictures.panels import Panel
    from echoatlas.simulate.pictures.scans import SimulatedScan

STILL, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
HABITS = frozenset({"exam", "study", "series", "body_part", "code", "protocol"})
MODES = {Mode.COLOR: "0011", Mode.M: "0003", Mode.SPECTRAL: "0009"}


def header(
    scan: SimulatedScan,
    *,
    says: Collection[str] = HABITS,
    regions: bool = True,
    sop_class: str | None = None,
    private: bool = True,
) -> Dataset:
    """Everything but the pixels.

    Args:
        says: how the site says what was scanned, of ``HABITS``.
        regions: include SequenceOfUltrasoundRegions.
        sop_class: None for US Image or US Multi-frame Image.
        private: include the maker's private tags.
    """
    who, device = scan.identity, scan.device
    frames, said = len(scan.pictures), words(scan.anatomy)
    ds = Dataset()
    ds.SpecificCharacterSet = who.charset
    ds.ImageType = [
        "ORIGINAL", "PRIMARY", said.exam if "exam" in says else "", MODES.get(scan.mode, "0001"),
    ]  # fmt: skip
    ds.InstanceCreationDate, ds.InstanceCreationTime = who.study_date, who.study_time
    ds.SOPClassUID = sop_class or (CINE if frames > 1 else STILL)
    ds.SOPInstanceUID = scan.instance_uid
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = who.study_date
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = who.study_time
    ds.AccessionNumber = who.accession
    ds.Modality = "US"
    ds.Manufacturer = device.manufacturer
    ds.ManufacturerModelName = device.model
    ds.DeviceSerialNumber, ds.SoftwareVersions = device.serial, device.software
    ds.StationName = device.station
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = who.accession[-4:], 1, scan.seed % 1000 + 1
    ds.StudyInstanceUID, ds.SeriesInstanceUID = who.uid("study"), who.uid("series", scan.anatomy)
    _people(ds, who)
    _anatomy(ds, scan, says)
    if frames > 1:
        ds.NumberOfFrames = frames
        if scan.frame_time:
            ds.FrameTime = f"{scan.frame_time:.2f}"
            ds.FrameIncrementPointer = 0x00181063
    if regions:
        items = [_region(fan, scan) for fan in scan.fans] + [_strip(one) for one in scan.panels]
        ds.SequenceOfUltrasoundRegions = Sequence(items)
    if private:
        _private(ds, who)
    return ds


def _people(ds: Dataset, who: Identity) -> None:
    ds.PatientName, ds.PatientID = who.name, who.patient_id
    ds.PatientBirthDate, ds.PatientSex = who.birth_date, who.sex
    ds.PatientAge = f"{int(who.study_date[:4]) - int(who.birth_date[:4]):03}Y"
    ds.PatientSize, ds.PatientWeight = "1.71", "74"
    ds.PatientAddress, ds.PatientTelephoneNumbers = who.address, who.phone
    ds.InstitutionName, ds.InstitutionAddress = who.institution, who.address
    ds.ReferringPhysicianName, ds.OperatorsName = who.referring, who.operator
    ds.PerformingPhysicianName = who.operator
    ds.ImageComments = f"seen with {who.shown}, call {who.phone}"
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = who.patient_id[::-1], "TEXT"
    ds.OtherPatientIDsSequence = Sequence([other])
    request = Dataset()
    request.RequestedProcedureID = who.accession
    request.RequestedProcedureDescription = f"for {who.referring.split('^')[0]}"
    request.ScheduledProcedureStepID = who.accession + "-1"
    ds.RequestAttributesSequence = Sequence([request])
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STILL, who.uid("referenced")
    ds.ReferencedStudySequence = Sequence([study])


def _anatomy(ds: Dataset, scan: SimulatedScan, says: Collection[str]) -> None:
    said = words(scan.anatomy)
    if "study" in says:
        ds.StudyDescription = said.study
    if "series" in says:
        # People type names into descriptions: what says the organ also says who.
        ds.SeriesDescription = f"{said.series} {scan.identity.shown.split()[0].strip(',')}"
    if "body_part" in says and said.body_part:
        ds.BodyPartExamined = said.body_part
    if "protocol" in says:
        ds.ProtocolName = said.preset
    if "code" in says:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = said.code[0], "SCT"
        item.CodeMeaning = said.code[1]
        ds.AnatomicRegionSequence = Sequence([item])


def _private(ds: Dataset, who: Identity) -> None:
    block = ds.private_block(0x0029, "SIMULATED PRIVATE 1.0", create=True)
    block.add_new(0x01, "LO", who.shown.encode("ascii", "replace").decode())
    block.add_new(0x02, "UN", f"ID={who.patient_id};DOB={who.birth_date}".encode())
    inner = Dataset()
    inner.PatientID = who.patient_id
    inner.StudyDate = who.study_date
    block.add_new(0x03, "SQ", Sequence([inner]))


def _region(fan: Fan, scan: SimulatedScan) -> Dataset:
    _, box = area_of(fan, scan.height, scan.width)
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 2
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box.x0, box.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box.x1 - 1, box.y1 - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    scale = fan.mm_per_px or (0.2, 0.2)
    item.PhysicalDeltaX, item.PhysicalDeltaY = scale[0] / 10, scale[1] / 10
    if fan.shape is not Shape.LINEAR:
        item.ReferencePixelX0, item.ReferencePixelY0 = box.width // 2, 0
        item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
    return item


def _strip(panel: Panel) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, units_x, units_y = panel.codes
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = panel.box.x0, panel.box.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = panel.box.x1 - 1, panel.box.y1 - 1
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = units_x, units_y
    item.PhysicalDeltaX, item.PhysicalDeltaY = 4.0 / panel.box.width, -0.5
    return item

"""DICOM headers of ultrasound scans, with identifiers in every place where scanners put them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.schemas.fan import Shape

if TYPE_CHECKING:
    from echoatlas.pipeline.simulate.scans import SimulatedScan
    from echoatlas.schemas.fan import Fan

STILL, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


def header(scan: SimulatedScan) -> Dataset:
    """Everything but the pixels."""
    who, device = scan.identity, scan.device
    frames = len(scan.pictures)
    ds = Dataset()
    ds.SpecificCharacterSet = who.charset
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.SOPClassUID = CINE if frames > 1 else STILL
    ds.SOPInstanceUID = who.uid("instance", scan.seed, frames)
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = who.study_date
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = who.study_time
    ds.AccessionNumber = who.accession
    ds.Modality = "US"
    ds.Manufacturer = device.manufacturer
    ds.InstitutionName = who.institution
    ds.InstitutionAddress = who.address
    ds.ReferringPhysicianName = who.referring
    ds.StationName = device.station
    ds.StudyDescription = "US ABDOMEN COMPLETE"
    ds.SeriesDescription = f"Abdomen {who.shown.split()[0].strip(',')}"
    ds.OperatorsName = who.operator
    ds.ManufacturerModelName = device.model
    ds.PatientName = who.name
    ds.PatientID = who.patient_id
    ds.PatientBirthDate = who.birth_date
    ds.PatientSex = who.sex
    ds.DeviceSerialNumber = device.serial
    ds.SoftwareVersions = device.software
    ds.ProtocolName = "Abd Gen"
    if frames > 1:
        ds.FrameTime = f"{scan.frame_time:.2f}"
        ds.FrameIncrementPointer = 0x00181063
        ds.NumberOfFrames = frames
    ds.StudyInstanceUID = who.uid("study")
    ds.SeriesInstanceUID = who.uid("series", scan.seed)
    ds.StudyID = who.accession[-4:]
    ds.SeriesNumber = 1
    ds.InstanceNumber = scan.seed % 1000 + 1
    ds.SequenceOfUltrasoundRegions = Sequence([_region(fan, scan) for fan in scan.fans])
    return ds


def _region(fan: Fan, scan: SimulatedScan) -> Dataset:
    box = fan.bounding_box(scan.height, scan.width)
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = 1
    item.RegionFlags = 2
    item.RegionLocationMinX0 = box.x0
    item.RegionLocationMinY0 = box.y0
    item.RegionLocationMaxX1 = box.x1 - 1
    item.RegionLocationMaxY1 = box.y1 - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    scale = fan.mm_per_px or (0.2, 0.2)
    item.PhysicalDeltaX, item.PhysicalDeltaY = scale[0] / 10, scale[1] / 10
    if fan.shape is not Shape.LINEAR:
        item.ReferencePixelX0 = box.width // 2
        item.ReferencePixelY0 = 0
    return item

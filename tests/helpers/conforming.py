"""Objects of every class that is rebuilt, conforming as they come: dciodvfy finds no error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.helpers.torture import quick_dataset

US, SC, SR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("6.1", "7", "88.33"))
CINE, VOLUME = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.6.2"
SIDE = 32


def item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def one(**attributes: Any) -> Sequence:
    return Sequence([item(**attributes)])


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def pixels(ds: Dataset, frames: int = 1, samples: int = 1) -> Dataset:
    ds.Rows = ds.Columns = SIDE
    ds.PixelData = b"\x40" * (SIDE * SIDE * frames * samples)
    ds["PixelData"].VR = "OB"
    return ds


def still(sop_class: str = US) -> Dataset:
    return pixels(
        quick_dataset(
            SOPClassUID=sop_class, PatientOrientation=[], LossyImageCompression="00", Laterality=""
        )
    )


def cine(sop_class: str = CINE) -> Dataset:
    return pixels(
        quick_dataset(
            SOPClassUID=sop_class, NumberOfFrames=2, FrameTime="33.3", Laterality="",
            FrameIncrementPointer=0x00181063, PatientOrientation=[], LossyImageCompression="00",
        ),
        2,
    )  # fmt: skip


def capture(sop_class: str = SC) -> Dataset:
    return pixels(
        quick_dataset(
            SOPClassUID=sop_class, ConversionType="WSD", PatientOrientation=[],
            ImageType=["DERIVED", "SECONDARY"], Laterality="",
        )
    )  # fmt: skip


def captures(sop_class: str) -> Dataset:
    """A multi-frame secondary capture: of single bits, bytes, words or colors."""
    kind = sop_class[-1]
    made = cine(sop_class)
    made.ConversionType = "WSD"
    made.ImageType, made.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "YES"
    if kind == "1":
        made.BitsAllocated = made.BitsStored = 1
        made.HighBit = 0
        made.PixelData = b"\x0f" * (SIDE * SIDE * 2 // 8)
    elif kind == "4":
        made.SamplesPerPixel, made.PhotometricInterpretation = 3, "RGB"
        made.PlanarConfiguration = 0
        pixels(made, 2, 3)
    if kind in "23":
        made.PresentationLUTShape, made.RescaleSlope, made.RescaleIntercept = "IDENTITY", "1", "0"
        made.RescaleType = "US"
    if kind == "3":
        made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
        made.PixelData = b"\x40\x01" * (SIDE * SIDE * 2)
        made["PixelData"].VR = "OW"
    return made


def volume(sop_class: str = VOLUME) -> Dataset:
    """Two planes of an enhanced ultrasound volume."""
    made = cine(sop_class)
    del made.FrameTime, made.FrameIncrementPointer, made.PatientAge
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.DeviceSerialNumber, made.SoftwareVersions = "SN123456", "1.0"
    made.ContentDate, made.ContentTime = made.StudyDate, made.StudyTime
    made.AcquisitionDateTime, made.AcquisitionDuration = "20230517101112", 1.0
    made.AnatomicRegionSequence = Sequence([code("10200004", "SCT", "Liver")])
    view = code("399162004", "SCT", "Apical four chamber")
    made.ViewCodeSequence = Sequence([view])
    made.TransducerApplicationCodeSequence = Sequence(
        [code("125261", "DCM", "External Transducer")]
    )
    made.BurnedInAnnotation, made.PresentationLUTShape = "NO", "IDENTITY"
    made.RescaleIntercept, made.RescaleSlope = "0", "1"
    made.VolumetricProperties, made.VolumeBasedCalculationTechnique = "VOLUME", "NONE"
    made.PositionMeasuringDeviceUsed = "FREEHAND"
    made.FrameOfReferenceUID = made.VolumeFrameOfReferenceUID = "1.2.3.4.9"
    made.SynchronizationFrameOfReferenceUID = "1.2.3.4.10"
    made.SynchronizationTrigger, made.AcquisitionTimeSynchronized = "NO TRIGGER", "N"
    made.PositionReferenceIndicator, made.UltrasoundAcquisitionGeometry = "", "APEX"
    made.VolumeToTransducerRelationship = "FIXED"
    made.VolumeToTransducerMappingMatrix = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    made.ApexPosition = [0.0, 0.0, 0.0]
    made.AcquisitionContextSequence = Sequence([])
    del made.Laterality
    for kind, value in (
        ("TransducerScanPatternCodeSequence", code("125238", "DCM", "Fan scan")),
        ("TransducerGeometryCodeSequence", code("125252", "DCM", "Curved linear")),
        ("TransducerBeamSteeringCodeSequence", code("125259", "DCM", "Phased")),
    ):
        setattr(made, kind, Sequence([value]))
    for keyword in ("MechanicalIndex", "BoneThermalIndex", "CranialThermalIndex"):
        setattr(made, keyword, 0.5)
    made.SoftTissueThermalIndex = made.DepthOfScanField = 1.0
    made.DepthsOfFocus = [50.0]
    organization = "1.2.3.4.11"
    made.DimensionOrganizationSequence = one(DimensionOrganizationUID=organization)
    made.DimensionOrganizationType = "3D"
    made.DimensionIndexSequence = one(
        DimensionOrganizationUID=organization,
        DimensionIndexPointer=0x00209301,
        FunctionalGroupPointer=0x0020930E,
    )
    made.SharedFunctionalGroupsSequence = one(
        PixelMeasuresSequence=one(PixelSpacing=["0.2", "0.2"], SliceThickness="0.5"),
        PlaneOrientationVolumeSequence=one(ImageOrientationVolume=[1.0, 0, 0, 0, 1, 0]),
        USImageDescriptionSequence=one(
            FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
        ),
        ImageDataTypeSequence=one(DataType="TISSUE_INTENSITY", AliasedDataType="NO"),
        FrameVOILUTSequence=one(WindowCenter="128", WindowWidth="256"),
    )
    made.PerFrameFunctionalGroupsSequence = Sequence(
        [
            item(
                FrameContentSequence=one(
                    DimensionIndexValues=[plane + 1],
                    FrameAcquisitionNumber=1,
                    FrameAcquisitionDateTime="20230517101112",
                    FrameReferenceDateTime="20230517101112",
                    FrameAcquisitionDuration=1.0,
                ),
                PlanePositionVolumeSequence=one(ImagePositionVolume=[0.0, 0.0, float(plane)]),
            )
            for plane in range(2)
        ]
    )
    return made


def report(sop_class: str = SR) -> Dataset:
    """A report with one measurement and one comment."""
    made = quick_dataset(SOPClassUID=sop_class, Modality="SR", PatientAge=None, ImageType=None)
    for keyword in (
        "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation",
    ):  # fmt: skip
        delattr(made, keyword)
    made.ContentDate, made.ContentTime = made.StudyDate, made.StudyTime
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.PerformedProcedureCodeSequence = Sequence([])
    made.ReferencedPerformedProcedureStepSequence = Sequence([])
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = Sequence([code("125000", "DCM", "OB-GYN Ultrasound Report")])
    made.ContentTemplateSequence = one(MappingResource="DCMR", TemplateIdentifier="5000")
    made.ContentSequence = Sequence(
        [
            item(
                RelationshipType="CONTAINS",
                ValueType="NUM",
                ConceptNameCodeSequence=Sequence([code("11820-8", "LN", "Biparietal Diameter")]),
                MeasuredValueSequence=one(
                    NumericValue="47.5",
                    MeasurementUnitsCodeSequence=Sequence([code("mm", "UCUM", "mm")]),
                ),
            ),
            item(
                RelationshipType="CONTAINS",
                ValueType="TEXT",
                ConceptNameCodeSequence=Sequence([code("121106", "DCM", "Comment")]),
                TextValue="Jane Doe is fine",
            ),
        ]
    )
    return made


MAKERS: dict[str, Callable[[str], Dataset]] = {
    US: still,
    "1.2.840.10008.5.1.4.1.1.6": still,
    CINE: cine,
    "1.2.840.10008.5.1.4.1.1.3": cine,
    VOLUME: volume,
    SC: capture,
    **dict.fromkeys((f"{SC}.{kind}" for kind in (1, 2, 3, 4)), captures),
    SR: report,
    **dict.fromkeys((f"1.2.840.10008.5.1.4.1.1.88.{kind}" for kind in (22, 34, 72)), report),
}

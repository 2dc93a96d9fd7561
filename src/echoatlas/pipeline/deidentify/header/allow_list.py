"""The allow-list: every attribute that may leave, with its value rule. What is not here, does not.

Where an attribute may stand is up to the IOD of the SOP class (``standard.iod``).
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.deidentify.header import rules as r
from echoatlas.pipeline.precision import SCALE
from echoatlas.pipeline.read.dicom.values import read_text
from echoatlas.taxonomy.codes import body_parts
from echoatlas.taxonomy.devices import UNKNOWN, device

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.rules import Context, Rule

MANUFACTURER, MODEL = 0x00080070, 0x00081090
ORIENTATIONS = ["".join(axes) for n in (1, 2, 3) for axes in permutations("ARHPLF", n)]
YES_NO = r.terms("YES", "NO")
COUNT, FEW = r.whole(0, 99999), r.whole(0, 999)
LISTED = r.whole(0, 255)  # the standard's terms for units, types and flags are small numbers
LEVEL = r.whole(0, 65535)
BITS = r.whole(1, 16)
SIZE = r.whole(1, 65535)
PIXEL = r.whole(-65536, 65536)
MEASURE = r.number(-1e9, 1e9)
PITCH = r.number(-1e4, 1e4, figures=SCALE)  # from a pixel, slice or sample to the next
INDEX = r.number(0, 100, digits=2)
TIMING = r.number(-1e8, 1e8, most=100_000)
DEVICE_ID = r.stated("retain_device_identity")
INSTITUTION = r.stated("retain_institution_identity")


def _maker(context: Context) -> str:
    return _known(device(read_text(context.root, MANUFACTURER), read_text(context.root, MODEL))[0])


def _model(context: Context) -> str:
    return _known(device(read_text(context.root, MANUFACTURER), read_text(context.root, MODEL))[1])


def _known(name: str) -> str:
    return "" if name == UNKNOWN else name


def _all(rule: Rule, keywords: str) -> dict[str, Rule]:
    return dict.fromkeys(keywords.split(), rule)


RULES: dict[str, Rule] = {
    # who
    **_all(r.pseudonym("patient"), "PatientName PatientID"),
    **_all(r.empty, "PatientBirthDate ReferringPhysicianName StudyID AccessionNumber"),
    **_all(r.empty, "PositionReferenceIndicator ReferencedPerformedProcedureStepSequence"),
    **_all(r.empty, "AcquisitionContextSequence"),
    "PatientSex": r.characteristic(r.terms("M", "F", "O")),
    "PatientAge": r.age,
    "PatientSize": r.characteristic(r.number(0.2, 2.6, digits=2)),
    "PatientWeight": r.characteristic(r.number(0.2, 400, digits=0)),
    # when
    **_all(r.day, "StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate"),
    **_all(r.day, "DateOfSecondaryCapture"),
    **_all(r.time, "StudyTime SeriesTime AcquisitionTime ContentTime InstanceCreationTime"),
    **_all(r.time, "TimeOfSecondaryCapture"),
    **_all(r.moment, "AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime"),
    # which
    **_all(r.standard_uid, "SOPClassUID ReferencedSOPClassUID"),
    **_all(r.uid, "SOPInstanceUID StudyInstanceUID SeriesInstanceUID ReferencedSOPInstanceUID"),
    **_all(r.uid, "FrameOfReferenceUID SynchronizationFrameOfReferenceUID"),
    **_all(r.uid, "VolumeFrameOfReferenceUID TableFrameOfReferenceUID DimensionOrganizationUID"),
    **_all(COUNT, "SeriesNumber InstanceNumber AcquisitionNumber ImagesInAcquisition"),
    "ReferencedFrameNumber": r.whole(1, 99999, most=99999),
    "SpecificCharacterSet": r.constant("ISO_IR 192", "everything is written as UTF-8"),
    # what
    "Modality": r.terms("US", "IVUS", "SR", "OT", "XC", "ES").or_else("OT"),
    **_all(r.described, "StudyDescription SeriesDescription ProtocolName ViewName StageName"),
    "ImageType": r.image_type,
    "BodyPartExamined": r.terms(*body_parts()),
    **_all(r.terms("L", "R", "B", "U"), "Laterality ImageLaterality"),
    **_all(r.codes, "AnatomicRegionSequence PrimaryAnatomicStructureSequence ViewCodeSequence"),
    **_all(r.codes, "DerivationCodeSequence PurposeOfReferenceCodeSequence"),
    **_all(r.codes, "TransducerScanPatternCodeSequence TransducerGeometryCodeSequence"),
    **_all(r.codes, "TransducerBeamSteeringCodeSequence TransducerApplicationCodeSequence"),
    **_all(r.codes, "PerformedProcedureCodeSequence ConceptNameCodeSequence"),
    "PatientOrientation": r.terms(*ORIENTATIONS),
    "PatientPosition": r.terms("HFP", "HFS", "HFDR", "HFDL", "FFDR", "FFDL", "FFP", "FFS"),
    # with what
    "Manufacturer": r.closed(_maker, "the maker, of a closed vocabulary").or_else("unknown"),
    "ManufacturerModelName": r.closed(_model, "the model, of a closed vocabulary").or_else(
        "unknown"
    ),
    **_all(DEVICE_ID.or_else("unknown"), "DeviceSerialNumber SoftwareVersions"),
    "StationName": DEVICE_ID,
    **_all(INSTITUTION, "InstitutionName InstitutionAddress InstitutionalDepartmentName"),
    "TransducerType": r.terms(
        *("SECTOR_PHASED", "SECTOR_MECH", "SECTOR_ANNULAR", "LINEAR", "CURVED LINEAR"),
        *("SINGLE CRYSTAL", "SPLIT XTAL CWD", "IV_PHASED", "IV_ROT XTAL", "IV_ROT MIRROR"),
        *("ENDOCAV_PA", "ENDOCAV_MECH", "ENDOCAV_CLA", "ENDOCAV_AA", "ENDOCAV_LINEAR"),
        "VECTOR_PHASED",
    ),
    **_all(INDEX, "MechanicalIndex BoneThermalIndex CranialThermalIndex SoftTissueThermalIndex"),
    **_all(INDEX, "SoftTissueFocusThermalIndex SoftTissueSurfaceThermalIndex"),
    "DepthOfScanField": r.whole(0, 9999),
    **_all(r.number(0, 1e5), "FocusDepth AcquisitionDuration IVUSPullbackRate"),
    "DepthsOfFocus": r.number(0, 1e6, most=64),
    "IVUSAcquisition": r.terms("MOTOR_PULLBACK", "MANUAL_PULLBACK", "SELECTIVE", "GATED_PULLBACK"),
    "PositionMeasuringDeviceUsed": r.terms("RIGID", "FREEHAND"),
    "ConversionType": r.terms("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN").or_else("WSD"),
    # the pixels' shape
    "SamplesPerPixel": r.whole(1, 4),
    "PhotometricInterpretation": r.terms(
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"),
        *("YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT", "ARGB", "CMYK", "HSV"),
    ),
    **_all(r.whole(0, 1), "PlanarConfiguration PixelRepresentation UltrasoundColorDataPresent"),
    **_all(SIZE, "Rows Columns"),
    "BitsAllocated": r.whole(1, 64),
    "BitsStored": BITS,
    "HighBit": r.whole(0, 15),
    "PixelAspectRatio": r.whole(1, 9999, most=2),
    **_all(
        r.whole(0, 65536, most=3),
        "RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor "
        "BluePaletteColorLookupTableDescriptor",
    ),
    **_all(
        r.lookup_table,
        "RedPaletteColorLookupTableData GreenPaletteColorLookupTableData "
        "BluePaletteColorLookupTableData",
    ),
    "PaletteColorLookupTableUID": r.uid,
    **_all(r.number(0, 1e4, most=2, figures=SCALE), "PixelSpacing NominalScannedPixelSpacing"),
    "PixelSpacingCalibrationType": r.terms("GEOMETRY", "FIDUCIAL"),
    "LossyImageCompression": r.terms("00", "01").or_else("00"),
    "LossyImageCompressionRatio": r.number(0, 1e5, most=16, figures=SCALE),
    "LossyImageCompressionMethod": r.terms(
        *("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15", "ISO_18181_1"),
        *("ISO_13818_2", "ISO_14496_10", "ISO_23008_2"),
    ),
    "PresentationLUTShape": r.terms("IDENTITY", "INVERSE"),
    **_all(r.number(-1e9, 1e9, most=16), "WindowCenter WindowWidth RescaleIntercept RescaleSlope"),
    "VOILUTFunction": r.terms("LINEAR", "LINEAR_EXACT", "SIGMOID"),
    "RescaleType": r.terms("US", "HU", "OD"),
    "BurnedInAnnotation": r.constant("YES", "until the pixels have been cleaned"),
    # cines
    "NumberOfFrames": r.whole(1, 1_000_000),
    "FrameIncrementPointer": r.pointers(
        "FrameTime", "FrameTimeVector", "RWaveTimeVector", "PageNumberVector", "FrameLabelVector"
    ),
    **_all(TIMING, "FrameTime FrameTimeVector RWaveTimeVector FrameDelay ActualFrameDuration"),
    **_all(TIMING, "EffectiveDuration ImageTriggerDelay TriggerTime NominalInterval"),
    **_all(r.number(0, 100_000), "RecommendedDisplayFrameRate CineRate StartTrim StopTrim"),
    **_all(r.whole(0, 1), "PreferredPlaybackSequencing"),
    "StereoPairsPresent": YES_NO,
    **_all(FEW, "StageNumber NumberOfStages ViewNumber NumberOfViewsInStage"),
    "NumberOfEventTimers": FEW,
    **_all(COUNT, "IVUSPullbackStartFrameNumber IVUSPullbackStopFrameNumber"),
    **_all(TIMING, "EventElapsedTimes LowRRValue HighRRValue IVUSGatedRate"),
    "HeartRate": r.whole(0, 400),
    "BeatRejectionFlag": r.terms("Y", "N"),
    "SynchronizationTrigger": r.terms("SOURCE", "EXTERNAL", "PASSTHRU", "NO TRIGGER"),
    "AcquisitionTimeSynchronized": r.terms("Y", "N"),
    # ultrasound regions
    "SequenceOfUltrasoundRegions": r.items,
    **_all(LISTED, "RegionSpatialFormat RegionDataType PhysicalUnitsXDirection"),
    **_all(LISTED, "PhysicalUnitsYDirection RegionFlags PixelComponentOrganization"),
    **_all(LISTED, "PixelComponentPhysicalUnits PixelComponentDataType"),
    "PixelComponentMask": r.mask,
    **_all(LEVEL, "PixelComponentRangeStart PixelComponentRangeStop"),
    **_all(r.whole(0, 4096), "NumberOfTableBreakPoints NumberOfTableEntries"),
    **_all(PIXEL, "RegionLocationMinX0 RegionLocationMinY0 RegionLocationMaxX1"),
    **_all(PIXEL, "RegionLocationMaxY1 ReferencePixelX0 ReferencePixelY0"),
    **_all(PIXEL, "DopplerSampleVolumeXPosition DopplerSampleVolumeYPosition"),
    **_all(PIXEL, "TMLinePositionX0 TMLinePositionY0 TMLinePositionX1 TMLinePositionY1"),
    **_all(PITCH, "PhysicalDeltaX PhysicalDeltaY SliceThickness SpacingBetweenSlices"),
    **_all(
        MEASURE, "ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY TransducerFrequency"
    ),
    "PulseRepetitionFrequency": MEASURE,
    **_all(r.number(-360, 360), "DopplerCorrectionAngle SteeringAngle"),
    **_all(r.whole(0, 65535, most=4096, rising=True), "TableOfXBreakPoints TableOfPixelValues"),
    **_all(r.number(-1e12, 1e12, most=4096), "TableOfYBreakPoints TableOfParameterValues"),
    # references
    **_all(r.items, "ReferencedImageSequence SourceImageSequence ReferencedInstanceSequence"),
    **_all(r.items, "ReferencedSeriesSequence ReferencedSOPSequence DerivationImageSequence"),
    **_all(r.items, "CurrentRequestedProcedureEvidenceSequence PertinentOtherEvidenceSequence"),
    # enhanced volumes
    "UltrasoundAcquisitionGeometry": r.terms("APEX", "PATIENT"),
    "PatientFrameOfReferenceSource": r.terms("TABLE", "ESTIMATED", "REGISTRATION"),
    "VolumeToTransducerRelationship": r.terms("FIXED", "MOVING"),
    **_all(r.number(-1e6, 1e6, most=16), "ApexPosition VolumeToTransducerMappingMatrix"),
    "DimensionOrganizationType": r.terms("3D", "3D_TEMPORAL"),
    **_all(r.items, "DimensionOrganizationSequence DimensionIndexSequence"),
    **_all(
        r.pointers(
            *("TemporalPositionTimeOffset", "ImagePositionVolume", "StackID", "DataType"),
            *("InStackPositionNumber", "TemporalPositionIndex", "PlanePositionVolumeSequence"),
            *("TemporalPositionSequence", "FrameContentSequence", "ImageDataTypeSequence"),
        ),
        "DimensionIndexPointer FunctionalGroupPointer",
    ),
    **_all(r.items, "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence"),
    **_all(r.items, "FrameContentSequence USImageDescriptionSequence ImageDataTypeSequence"),
    **_all(r.items, "PlanePositionVolumeSequence PlaneOrientationVolumeSequence"),
    **_all(r.items, "TemporalPositionSequence PixelMeasuresSequence FrameVOILUTSequence"),
    "FrameType": r.volume_type,
    "VolumetricProperties": r.terms("VOLUME", "SAMPLED", "DISTORTED", "MIXED"),
    "VolumeBasedCalculationTechnique": r.terms("NONE", "MPR", "MAX_IP", "MIN_IP", "VOLUME_RENDER"),
    "DataType": r.terms(
        *("TISSUE_INTENSITY", "TISSUE_VELOCITY", "FLOW_VELOCITY", "FLOW_POWER"),
        *("FLOW_VARIANCE", "ELASTICITY", "PERFUSION", "SOUND_SPEED", "ATTENUATION"),
    ),
    "AliasedDataType": YES_NO,
    "ZeroVelocityPixelValue": LEVEL,
    **_all(COUNT, "InStackPositionNumber TemporalPositionIndex FrameAcquisitionNumber"),
    "StackID": r.whole(1, 99999),
    "DimensionIndexValues": r.whole(0, 99999, most=16),
    **_all(MEASURE, "FrameAcquisitionDuration TemporalPositionTimeOffset"),
    **_all(r.number(-1e6, 1e6, most=6), "ImagePositionVolume ImageOrientationVolume"),
    # structured reports
    "CompletionFlag": r.terms("PARTIAL", "COMPLETE").or_else("PARTIAL"),
    "VerificationFlag": r.constant("UNVERIFIED", "who verified it is not told"),
    "ValueType": r.terms("CONTAINER"),
    "ContinuityOfContent": r.terms("SEPARATE", "CONTINUOUS"),
    "ContentTemplateSequence": r.items,
    "MappingResource": r.terms("DCMR"),
    "TemplateIdentifier": r.whole(1, 99999),
    "ContentSequence": r.content,
}
BY_TAG: dict[int, Rule] = {
    int(tag): rule
    for keyword, rule in RULES.items()
    if (tag := tag_for_keyword(keyword)) is not None
}

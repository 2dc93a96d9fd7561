"""What a structured report measured is evidence about the pictures of its study."""

from __future__ import annotations

import io
from dataclasses import replace

import pyarrow as pa
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from echoatlas.pipeline.evidence import EvidenceConfig, measured, numbers
from echoatlas.pipeline.evidence.fetal import beside_report
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.label.relabel import fused
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.plan.batch import batches
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import survey
from echoatlas.pipeline.read import ReadConfig, read_report
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_table
from echoatlas.pipeline.run.reread import reread
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.records import Hint
from echoatlas.schemas.rows.labels import EvidenceRow
from echoatlas.schemas.tables import schema, to_arrow
from echoatlas.simulate import make_still, write_dicom
from tests.helpers.labeling import hints_of
from tests.helpers.rehearsal import Rehearsal

COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
OBSTETRIC, VASCULAR = ("125000", "DCM"), ("125100", "DCM")
ECHO, KIDNEYS = ("125200", "DCM"), ("38036-0", "LN")
BPD, CERVIX, VELOCITY = ("11820-8", "LN"), ("11961-0", "LN"), ("11726-7", "LN")
FINDINGS, BIOMETRY = ("121070", "DCM"), ("125002", "DCM")
SITE, OLD_SITE = ("363698007", "SCT"), ("G-C0E3", "SRT")


def item(kind, concept, *children, code=None, number=None):
    """A content item, its children below it."""
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", kind
    made.ConceptNameCodeSequence = [coded(*concept)]
    if code:
        made.RelationshipType = "HAS CONCEPT MOD"
        made.ConceptCodeSequence = [coded(*code)]
    if number is not None:
        value = Dataset()
        value.NumericValue = str(number)
        value.MeasurementUnitsCodeSequence = [coded("cm", "UCUM")]
        made.MeasuredValueSequence = [value]
    if children:
        made.ContentSequence = list(children)
    return made


def coded(value, scheme):
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, "Jane Doe"
    return made


def site(*code, concept=SITE):
    return item("CODE", concept, code=code)


def number(concept, *children):
    return item("NUM", concept, *children, number=4.2)


def report(title, *sections, study="1.2.3", patient="P1"):
    """A structured report as a scanner writes it: bytes of a part 10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = COMPREHENSIVE, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = COMPREHENSIVE, meta.MediaStorageSOPInstanceUID
    made.Modality, made.PatientID, made.StudyInstanceUID = "SR", patient, study
    made.SeriesInstanceUID, made.ValueType = f"{study}.9", "CONTAINER"
    made.ConceptNameCodeSequence = [coded(*title)]
    made.ContentSequence = list(sections)
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def said(data):
    opened = read_report(data, ReadConfig())
    return {hint.node for hint in measured(opened, EvidenceConfig())}


def findings(*children):
    return item("CONTAINER", FINDINGS, *children)


@pytest.mark.parametrize(
    ("title", "sections", "expected"),
    [
        (OBSTETRIC, [item("CONTAINER", BIOMETRY, number(BPD))], {"fetus/fetal_head"}),
        (OBSTETRIC, [number(BPD), number(CERVIX)], {"fetus/fetal_head", "pelvis/uterine_cervix"}),
        (OBSTETRIC, [findings(site("80891009", "SCT"), number(VELOCITY))], {"fetus/fetal_heart"}),
        (OBSTETRIC, [], {"fetus", "pelvis"}),
        # A section without a number says what may be measured, not what was.
        (OBSTETRIC, [findings(site("80891009", "SCT"))], {"fetus", "pelvis"}),
        (ECHO, [findings(site("87878005", "SCT"), number(VELOCITY))], {"thorax/heart"}),
        (ECHO, [findings(site("T-32600", "SRT", concept=OLD_SITE), number(VELOCITY))],
         {"thorax/heart"}),
        (VASCULAR, [findings(site("32062004", "SCT"), number(VELOCITY))],
         {"head_neck/carotid_artery"}),
        (VASCULAR, [number(VELOCITY, site("26703007", "SCT"))], {"lower_limb"}),
        (VASCULAR, [findings(site("7832008", "SCT"), number(VELOCITY))],
         {"abdomen/abdominal_aorta"}),
        (KIDNEYS, [number(VELOCITY)], {"abdomen/kidney"}),
        (("18748-4", "LN"), [findings(site("80891009", "SCT"), number(VELOCITY))], set()),
    ],
)  # fmt: skip
def test_sites_measurements_and_titles_name_nodes(title, sections, expected):
    assert expected == said(report(title, *sections))


MEASUREMENTS, GROUP = ("126000", "DCM"), ("125007", "DCM")
LENGTH, ULTRASOUND, TOMOGRAPHY = ("410668003", "SCT"), "6.1", "2"


def evidence_of(sop_class):
    """An image that is referred to: in TID 1500 a child of the measurement."""
    made = Dataset()
    made.RelationshipType, made.ValueType = "INFERRED FROM", "IMAGE"
    made.ReferencedSOPSequence = [Dataset()]
    made.ReferencedSOPSequence[0].ReferencedSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{sop_class}"
    made.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"
    return made


@pytest.mark.parametrize(
    ("sop_class", "expected"), [(ULTRASOUND, {"abdomen/liver"}), (TOMOGRAPHY, set())]
)
def test_a_general_measurement_report_speaks_of_ultrasound_if_its_pictures_are(sop_class, expected):
    """TID 1500: a group of measurements, the site of the finding, and what it was measured in."""
    length = item("NUM", LENGTH, evidence_of(sop_class), number=4.2)
    group = item("CONTAINER", GROUP, site("10200004", "SCT"), length)

    assert expected == said(report(MEASUREMENTS, item("CONTAINER", ("126010", "DCM"), group)))


def test_only_codes_of_the_vocabulary_leave_a_report():
    data = report(VASCULAR, findings(site("Jane Doe", "99HOME"), number(("DOE^JANE", "99HOME"))))

    assert measured(read_report(data, ReadConfig()), EvidenceConfig()) == ()


def picture(study, patient="P1", description=""):
    scan = make_still(seed=len(study) + len(description), fan="convex", size=(400, 300))
    told = {"PatientID": patient, "StudyInstanceUID": study, "StudyDescription": description}
    silent = ("BodyPartExamined", "SeriesDescription", "ProtocolName", "AnatomicRegionSequence")
    silent += ("RequestedProcedureDescription", "PerformedProcedureStepDescription")
    told |= dict.fromkeys(silent) | {"ImageType": ["ORIGINAL", "PRIMARY"]}
    return write_dicom(scan, "1.2.840.10008.1.2.1", overrides=told)


UPLOADS = {
    "u1/silent.dcm": lambda: picture("1.2.3"),
    "u1/other-study.dcm": lambda: picture("1.2.34"),
    "u1/torn.dcm": lambda: picture("1.2.3", description="US THYROID"),
    "u2/report.dcm": lambda: report(KIDNEYS, number(VELOCITY), study="1.2.3"),
    "u2/letter.dcm": lambda: report(("18748-4", "LN"), number(VELOCITY), study="1.2.34"),
}


def test_a_report_that_arrives_later_labels_the_pictures_of_its_study(tmp_path):
    made = Rehearsal(tmp_path)
    made.engine(batch=2, workers=1)
    folder = made.site("st-elsewhere")
    for upload in ("u1", "u2"):
        for name in [name for name in UPLOADS if name.startswith(upload)]:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(UPLOADS[name]())
        made.run("run")

    receipts = {one["file"]: one for one in made.run("site", "receipt", "st-elsewhere")}
    labels = {row["object_id"]: row for row in made.lake.read("labels").to_pylist()}
    ids = {name: receipts[name]["object_id"] for name in UPLOADS}
    found = {name: labels[one]["paths"] for name, one in ids.items() if one in labels}
    assert receipts["u2/report.dcm"]["status"] == "kept"
    assert receipts["u2/letter.dcm"]["reason"] == "no_pixels"
    # A report speaks of its own study alone, and does not outvote what a picture says itself.
    assert found == {
        "u1/silent.dcm": "abdomen/kidney", "u1/other-study.dcm": "", "u1/torn.dcm": ""
    }  # fmt: skip
    assert "Jane Doe" not in str(made.rows())
    # Its numbers come with the pictures of its study, and with no other
    release = create(made.lake, made.lake.storage.sub("releases"), ReleaseConfig(name="one"))
    index = index_table(made.lake.storage.sub("releases"), release).to_pylist()
    stated = {row["object_id"]: [(m["name"], m["number"]) for m in row["measurements"]]
              for row in index}  # fmt: skip
    assert stated == {
        ids["u1/silent.dcm"]: [("PeakSystolicVelocity", 4.2)],
        ids["u1/torn.dcm"]: [("PeakSystolicVelocity", 4.2)],
        ids["u1/other-study.dcm"]: [],
    }  # fmt: skip


def row(object_id, site, study):
    told = {"object_id": object_id, "site": site, "study": study, "status": "kept"}
    empty = {"int64": 0, "string": ""}
    kinds = {field.name: str(field.type) for field in schema("objects")}
    return {name: told.get(name, empty.get(kind, 0)) for name, kind in kinds.items()}


@pytest.mark.parametrize("turned", [False, True])
def test_which_came_first_and_who_else_has_such_a_study_changes_nothing(tmp_path, turned):
    lake = Lake(Storage.open(tmp_path / "lake"))
    objects = [
        row("report", "a", "s1"), row("picture", "a", "s1"), row("elsewhere", "b", "s1"),
        row("loose", "a", ""), row("loose-report", "a", ""),
    ]  # fmt: skip
    told = [
        EvidenceRow(one, "a", "anatomy", "abdomen/kidney", "report", 0.8, "report:t", "f")
        for one in ("report", "loose-report")
    ]
    told.append(EvidenceRow("picture", "a", "anatomy", "abdomen", "study", 0.8, "study:t", "f"))
    for rows in (objects[::-1], objects)[turned]:
        lake.append("objects", pa.Table.from_pylist([rows], schema("objects")))
    for rows in told[::-1] if turned else told:
        lake.append("evidence", to_arrow("evidence", [rows]))

    found = fused(lake, LabelConfig())

    assert found["picture"].paths == "abdomen/kidney"
    assert "elsewhere" not in found
    assert "loose" not in found


@pytest.mark.parametrize(
    ("measured", "source", "rule", "said", "expected"),
    [
        # The heart of an obstetric study is the fetus's, whatever the report measured besides it.
        (["fetus/fetal_heart", "fetus/fetal_head"], "study", "heart", "thorax/heart",
         "fetus/fetal_heart"),
        (["fetus"], "study", "heart", "thorax/heart", "fetus/fetal_heart"),
        (["fetus/fetal_head"], "image_type", "term.cardiac", "thorax/heart", "fetus/fetal_head"),
        # Without a fetus in the report it is the adult's; so it is where words say so.
        (["thorax/heart"], "study", "heart", "thorax/heart", "thorax/heart"),
        (["fetus/fetal_head"], "study", "heart.adult", "thorax/heart", ""),
        (["fetus/fetal_head"], "site_prior", "config", "thorax/heart", ""),
        # The mother's own organs are no fetus's.
        (["fetus/fetal_head", "pelvis/uterine_cervix"], "study", "cervix", "pelvis/uterine_cervix",
         "pelvis/uterine_cervix"),
    ],
)  # fmt: skip
def test_a_report_that_measured_a_fetus_is_a_context_for_the_pictures_of_its_study(
    measured, source, rule, said, expected
):
    told = [Hint("anatomy", said, source, 0.93, f"{source}:{rule}")]
    reported = [Hint("anatomy", node, "report", 0.8, "report:t") for node in measured]

    found = label([*beside_report(told, reported), *reported])

    assert found.paths == expected


def test_a_report_that_new_words_make_readable_is_worked_on_as_a_whole(tmp_path):
    made = Rehearsal(tmp_path)
    (made.site("st-elsewhere") / "sr.dcm").write_bytes(report(OBSTETRIC, number(BPD)))
    made.run("run")
    deployment = made.deployment
    config = replace(journey_config(deployment.config), evidence=EvidenceConfig(typo=0.1))
    seen = survey(deployment, deployment.site("st-elsewhere"), config)
    items = list(seen.items(seen.unread))
    (batch,) = batches(deployment, seen, [(0, items)], "again")

    kept = reread(batch)
    freed = reread(replace(batch, id="freed", items=(replace(items[0], rejected=True),)))

    assert kept.reread == freed.renewed == (items[0].sighting.object_id,)
    assert {"evidence", "readings"} == {part.table for part in kept.parts}
    tables = {"objects", "audit", "copies", "evidence", "measurements", "readings"}
    assert tables == {part.table for part in freed.parts}


def test_words_that_are_an_adults_alone_are_marked_so_in_their_hints():
    hearts = [one.rule for one in hints_of(StudyDescription="TEE") if one.axis == "anatomy"]
    both = [one.rule for one in hints_of(StudyDescription="HEART") if one.axis == "anatomy"]

    assert [f"{both[0]}.adult"] == hearts
    assert not label(hints_of(StudyDescription="TEE"), LabelConfig(without=("heart",))).paths


def stated(data):
    opened = read_report(data, ReadConfig())
    return [(one.name, one.number, one.unit) for one in numbers(opened)]


def test_numbers_leave_by_code_and_unit_of_closed_lists_alone():
    private = number(("12345", "99JANE"))
    strange = number(BPD)
    strange.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [coded("{Jane Doe}", "UCUM")]
    long = number(BPD)
    long.MeasuredValueSequence[0].NumericValue = "19610312"
    exact = number(BPD)
    exact.MeasuredValueSequence[0].NumericValue = "91.23456"

    found = stated(report(OBSTETRIC, item("CONTAINER", BIOMETRY, number(BPD), exact),
                          private, strange, long, number(CERVIX)))  # fmt: skip

    assert found == [
        ("BiparietalDiameter", 4.2, "cm"), ("BiparietalDiameter", 91.23, "cm"),
        ("CervixLength", 4.2, "cm"),
    ]  # fmt: skip

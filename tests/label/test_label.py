"""Evidence is fused on the tree: agreement answers, contradiction abstains."""

from __future__ import annotations

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from echoatlas.errors import ConfigError
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.evidence.sources import APPLICATIONS
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.fusion import Label, label
from echoatlas.pipeline.settings import settings
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.fan import Box
from echoatlas.schemas.records import Hint, Origin, Scan, UltrasoundRegion
from tests.helpers.labeling import coded_item, hints_of, path_of

ABDOMINAL = ["ORIGINAL", "PRIMARY", "ABDOMINAL"]
OBSTETRICAL = ["ORIGINAL", "PRIMARY", "OBSTETRICAL"]


def hint(node, source="study", weight=0.8, axis="anatomy"):
    return Hint(axis, node, source, weight, f"{source}:test")


def test_nothing_is_known_of_a_scan_that_says_nothing(labeled):
    assert Label() == labeled()


def test_the_exam_type_alone_is_an_answer(labeled):
    found = labeled(ImageType=["ORIGINAL", "PRIMARY", "BREAST", "0001"])

    assert (found.region, found.organ) == ("thorax", "breast")
    assert (found.region_index, found.organ_index) == (8, 47)
    assert found.decided_by == "fusion"
    assert not found.review


def test_agreement_raises_confidence(labeled):
    alone = labeled(StudyDescription="US THYROID")
    agreed = labeled(StudyDescription="US THYROID", BodyPartExamined="THYROID")

    assert alone.confidence < agreed.confidence


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # A preset does not rule out what is examined along with it, and alone decides nothing.
        ({"StudyDescription": "Bladder volume"}, "pelvis/urinary_bladder"),
        ({"StudyDescription": "US pleural effusion"}, "thorax/lung"),
        ({"StudyDescription": "US aorta"}, "abdomen/abdominal_aorta"),
        ({"StudyDescription": "US THYROID"}, "unknown"),
        ({}, "unknown"),
        ({"site": {"labels": {"organ": "abdomen"}}}, "abdomen"),
    ],
)
def test_an_abdominal_preset_leaves_bladder_and_pleura_possible(labeled, attributes, expected):
    assert expected == path_of(labeled(ImageType=ABDOMINAL, **attributes))


def test_a_vague_word_against_a_plain_one_in_another_text_is_left_open(labeled):
    torn = labeled(StudyDescription="US KNEE", SeriesDescription="US soft tissue")
    alone = labeled(StudyDescription="US soft tissue")

    assert path_of(torn) == "unknown"
    assert torn.review
    assert path_of(alone) == "other/soft_tissue"


def test_two_readings_of_a_word_do_not_hide_that_both_contradict_the_order(labeled):
    found = labeled(StudyDescription="OB femur length", SeriesDescription="urinary bladder")

    assert path_of(found) == "unknown"
    assert found.conflict


def test_confidence_is_the_belief_after_the_curve_and_decides_nothing():
    plain = LabelConfig(slope=1.0, offset=0.0)
    hints = [hint("abdomen/liver", weight=0.6)]

    assert label(hints, plain).confidence == pytest.approx(0.6)
    assert label(hints).confidence > 0.9
    assert label(hints).paths == label(hints, plain).paths
    assert label([hint("abdomen/liver", weight=0.4)]).region == "unknown"


def test_the_same_words_in_two_descriptions_count_once(labeled):
    once = label([hint("thorax/breast", "study")])
    copied = label([hint("thorax/breast", "study"), hint("thorax/breast", "protocol")])

    assert once == copied


def test_contradiction_within_a_region_leaves_the_region():
    found = label([hint("abdomen/liver"), hint("abdomen/kidney", "image_type")])

    assert (found.region, found.organ) == ("abdomen", "unknown")
    assert found.conflict
    assert found.review


def test_contradiction_between_regions_leaves_nothing():
    found = label([hint("thorax/breast"), hint("abdomen/kidney", "image_type")])

    assert (found.region, found.organ, found.decided_by) == ("unknown", "unknown", "none")
    assert found.conflict


def test_a_study_of_two_organs_is_settled_by_what_names_one(labeled):
    both = labeled(StudyDescription="US liver and gallbladder")
    one = labeled(StudyDescription="US liver and gallbladder", SeriesDescription="GB sag")

    assert (both.region, both.organ, both.conflict) == ("abdomen", "unknown", False)
    assert one.organ == "gallbladder"


def test_a_weak_word_gives_way_to_a_strong_one(labeled):
    assert labeled(StudyDescription="Echo hígado").organ == "liver"
    assert labeled(StudyDescription="ECHO").organ == "heart"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"StudyDescription": "Fetal echo", "SeriesDescription": "heart"}, "fetus/fetal_heart"),
        ({"ImageType": OBSTETRICAL, "SeriesDescription": "spine"}, "fetus/fetal_spine"),
        ({"ImageType": OBSTETRICAL, "BodyPartExamined": "KIDNEY"}, "fetus/fetal_abdomen"),
        ({"StudyDescription": "OB TV cervical length"}, "pelvis/uterine_cervix"),
        ({"StudyDescription": "OB transvaginal"}, "fetus"),
        ({"StudyDescription": "heart"}, "thorax/heart"),
        # A fetus has feet and a stomach, but nobody looks at its Achilles tendon or for its hernia.
        ({"StudyDescription": "OB feet"}, "fetus/fetal_limb"),
        ({"StudyDescription": "OB survey", "SeriesDescription": "femur"}, "fetus/fetal_limb"),
        ({"StudyDescription": "OB survey", "SeriesDescription": "ACHILLES"}, "unknown"),
        ({"StudyDescription": "FETAL ECHO", "SeriesDescription": "IVH"}, "unknown"),
        # A preset of abdomens in an obstetric study tells nothing of the fetus's own abdomen.
        ({"ImageType": ABDOMINAL, "StudyDescription": "OB 2ND TRIMESTER"}, "fetus"),
        ({"ImageType": ABDOMINAL, "StudyDescription": "OB femur", "SeriesDescription": "adrenal"},
         "unknown"),
        # A preset that was left on makes no fetus of what was ordered.
        ({"ImageType": OBSTETRICAL, "StudyDescription": "US BOWEL"}, "unknown"),
        ({"StudyDescription": "OB TV CERVICAL"}, "pelvis/uterine_cervix"),
    ],
)  # fmt: skip
def test_the_fetal_context_comes_first(labeled, attributes, expected):
    assert expected == path_of(labeled(**attributes))


def test_adult_codes_are_the_fetuss_in_a_fetal_context(labeled):
    found = labeled(regions=[("80891009", "SCT")], StudyDescription="Pregnancy 22 weeks")

    assert path_of(found) == "fetus/fetal_heart"


def test_a_prior_answers_where_nothing_else_does_and_yields_where_something_does(labeled):
    site = {"labels": {"organ": "thorax/breast"}}

    silent = labeled(site=site)
    agreed = labeled(site=site, BodyPartExamined="CHEST")
    other = labeled(site=site, StudyDescription="US THYROID")

    assert path_of(silent) == "thorax/breast"
    assert agreed.region == "thorax"
    assert path_of(other) == "head_neck/thyroid"


def test_a_picture_may_show_several_nodes():
    found = label(
        [hint("pelvis/pubic_symphysis", "collection", 0.9),
         hint("fetus/fetal_head", "collection", 0.9, axis="also")]
    )  # fmt: skip

    assert found.paths == "pelvis/pubic_symphysis fetus/fetal_head"


def test_other_axes_are_told_apart_from_anatomy(labeled):
    found = labeled(
        StudyDescription="Left breast, transvaginal no", ImageLaterality="L", ViewName="A4C"
    )

    assert found.laterality == "left"
    assert found.view == "a4c"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (("24028007", "SCT"), "right"),
        (("G-A101", "SRT"), "left"),
        (("51440002", "SCT"), "bilateral"),
        (("66459002", "SCT"), "unknown"),
    ],
)
def test_codes_say_side_and_application_where_scanners_write_them(labeled, code, expected):
    region = coded_item("64033007", "SCT")
    region.AnatomicRegionModifierSequence = [coded_item(*code)]

    found = labeled(
        AnatomicRegionSequence=[region],
        TransducerApplicationCodeSequence=[coded_item("125263", "DCM")],
    )

    assert found.paths == "abdomen/kidney"
    assert (found.laterality, found.application) == (expected, "endovaginal")


def test_every_application_of_cid_12035_is_known():
    known = {v for names in cid_concepts[12035].values() for n in names for v in concepts["DCM"][n]}

    assert set(APPLICATIONS) == known


def test_the_kinds_of_ultrasound_regions_say_the_mode_and_an_ecg_supports_a_heart():
    box = Box(0, 0, 9, 9)
    kinds = [(1, 1), (2, 1), (3, 3), (1, 2), (4, 10)]
    regions = tuple(UltrasoundRegion(box, spatial, data) for spatial, data in kinds)
    scan = Scan("dicom", "", 1, 9, 9, lambda: iter(()), regions=regions)

    hints = evidence(scan, Origin("s", "u", "a/1"), SiteConfig(site="s", bucket="b"))

    modes = {hint.node for hint in hints if hint.axis == "mode"}
    assert modes == {"m_mode", "spectral_doppler", "color_doppler"}
    assert label(hints).region == "unknown"
    assert label([*hints, hint("thorax")]).organ == "unknown"
    assert label([*hints, hint("thorax", weight=0.6)]).confidence > 0.6


def test_a_phantom_is_a_subject_and_no_organ():
    hints = hints_of(BodyPartExamined="PHANTOM")

    assert {("subject", "phantom")} == {(hint.axis, hint.node) for hint in hints}


def test_the_order_of_hints_does_not_matter():
    hints = [
        hint("abdomen/liver"), hint("abdomen", "image_type"), hint("abdomen/kidney", "name", 0.5),
        hint("thorax", "folder", 0.4), hint("abdomen/liver", "site_prior"),
    ]  # fmt: skip

    assert label(hints) == label(hints[::-1])


def test_a_rule_or_a_source_is_taken_back_by_configuration():
    hints = [hint("abdomen/liver", "study"), hint("abdomen/kidney", "folder")]

    assert label(hints).organ == "unknown"
    assert label(hints, LabelConfig(without=("folder:test",))).organ == "liver"
    assert label(hints, LabelConfig(sources={"study": 0.0})).organ == "kidney"
    assert label(hints, LabelConfig(without=("test",))) == Label()
    assert label(hints, LabelConfig(sources={"folder": 0.3})).organ == "liver"


@pytest.mark.parametrize(
    ("sources", "complaint"), [({"studdy": 0.5}, "'studdy' is no source"), ({"study": 2.0}, "lies")]
)
def test_a_source_that_is_not_there_is_told(sources, complaint):
    with pytest.raises(ConfigError, match=complaint):
        settings(LabelConfig, {"sources": sources}, "steps.label")


def test_thresholds_are_configuration():
    hints = [hint("abdomen/liver", weight=0.6)]

    assert label(hints, LabelConfig()).organ == "liver"
    assert label(hints, LabelConfig(min_belief=0.7)).organ == "unknown"


def test_one_weak_source_is_visibly_less_sure_than_three_that_agree():
    weak = label([hint("thorax/breast", "study", 0.6), hint("thorax", "series", 0.6)])
    one = label([hint("thorax/breast", "study", 0.93)])
    three = label(
        [
            hint("thorax/breast", "study", 0.93),
            hint("thorax/breast", "series", 0.95),
            hint("thorax/breast", "image_type", 0.88),
        ]
    )

    assert weak.confidence < 0.95
    assert weak.confidence + 0.03 < one.confidence < three.confidence - 0.015
    assert three.confidence > 0.995


def test_a_protocol_that_copies_the_order_adds_nothing_and_a_typed_series_does():
    order = hint("thorax/breast", "study", 0.93)

    copied = label([order, hint("thorax/breast", "protocol", 0.92)])
    typed = label([order, hint("thorax/breast", "series", 0.92)])

    assert copied.confidence == label([order]).confidence < typed.confidence

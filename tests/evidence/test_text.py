"""Texts become nodes: languages, typos, negation; and no word of them leaves."""

from __future__ import annotations

import pytest

from echoatlas.pipeline.label.fusion import label
from echoatlas.taxonomy.matching.matcher import anatomy, axes
from echoatlas.taxonomy.matching.rules import anatomy_rules, axis_rules, context
from echoatlas.taxonomy.matching.tokens import split
from echoatlas.taxonomy.tree import tree
from tests.helpers.labeling import hints_of, path_of

RULES = [rule for rule in anatomy_rules() if rule.axis == "anatomy"]


def nodes(text):
    return {match.rule.node for match in anatomy().find(text)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_term_of_a_rule_speaks_of_its_node(rule):
    missed = [word for word in rule.words if rule.node not in nodes(word)]

    assert rule.node in tree()
    assert not missed


@pytest.mark.parametrize(
    "rule", [r for r in anatomy_rules() if r.axis == "shield"], ids=lambda r: r.id
)
def test_phrases_that_shield_say_nothing_of_anatomy(rule):
    speaking = {phrase: nodes(phrase) for phrase in rule.words if nodes(phrase)}

    assert speaking == {}


@pytest.mark.parametrize(
    "rule", [r for r in axis_rules() if r.axis != "shield"], ids=lambda r: r.id
)
def test_each_term_of_an_axis_speaks_of_it(rule):
    missed = [
        word
        for word in rule.words
        if (rule.axis, rule.node) not in {(m.rule.axis, m.rule.node) for m in axes().find(word)}
    ]

    assert not missed


@pytest.mark.parametrize("cue", [cue for cue in context().before if cue.isascii()])
def test_a_word_of_denial_takes_back_what_follows(cue):
    assert "head_neck/thyroid" not in nodes(f"{cue} thyroid")
    assert "head_neck/thyroid" in nodes(f"{cue} parotid, thyroid")


@pytest.mark.parametrize("cue", context().after)
def test_a_word_of_denial_takes_back_what_precedes(cue):
    assert nodes(f"spleen, thyroid {cue}") == {"abdomen/spleen"}


@pytest.mark.parametrize("cue", context().before_zh)
def test_a_sign_of_denial_takes_back_what_follows(cue):
    assert nodes(f"{cue}甲状腺") == set()


@pytest.mark.parametrize(("short", "long"), context().slashed.items())
def test_an_abbreviation_with_a_slash_is_read_as_what_it_stands_for(short, long):
    assert split(f"{short} thyroid", context().slashed).words == (*long.split(), "thyroid")


def test_no_term_belongs_to_two_rules():
    for rules in (anatomy_rules(), axis_rules()):
        seen = {}
        for rule in rules:
            for word in rule.words:
                assert seen.setdefault(word, rule.id) == rule.id


def test_every_node_but_other_is_spoken_of():
    spoken = {rule.node for rule in RULES}

    assert {"other"} == {node.path for node in tree().nodes} - spoken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("US ABDOMEN COMPLETE", {"abdomen"}),
        ("Schilddrüsensonographie", {"head_neck/thyroid"}),
        ("ÉCHOGRAPHIE MAMMAIRE", {"thorax/breast"}),
        ("ecografía de próstata", {"pelvis/prostate"}),
        ("ecografia tireoide", {"head_neck/thyroid"}),
        ("Ecocolordoppler carotidi", {"head_neck/carotid_artery"}),
        ("左乳腺超声", {"thorax/breast"}),
        ("thryoid nodule", {"head_neck/thyroid"}),
        ("GALLBLADER", {"abdomen/gallbladder"}),
        ("BreastUS_left", {"thorax/breast"}),
        ("liver_0012", {"abdomen/liver"}),
        ("KIDNEYS/BLADDER", {"abdomen/kidney", "pelvis/urinary_bladder"}),
        ("Head & Neck", {"head_neck"}),
        ("échographie cardiaque fœtale", {"thorax/heart", "fetus"}),
        ("FETLA ECHO", {"fetus/fetal_heart"}),
        ("AORAT ILIAC DUPLEX", {"abdomen/abdominal_aorta"}),
        ("LEA duplex lower extremtiy arterial", {"lower_limb"}),
        ("Plexns brachialis", {"head_neck/brachial_plexus"}),
        ("tib ant", {"lower_limb/lower_leg"}),
    ],
)
def test_what_people_write_is_understood(text, expected):
    assert expected == nodes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no thyroid, parotid only", {"head_neck/salivary_gland"}),
        ("parotid without thyroid", {"head_neck/salivary_gland"}),
        ("ABD w/o kidneys", {"abdomen"}),
        ("gallbladder removed; liver", {"abdomen/liver"}),
        ("appendix not visualized, bowel seen", {"abdomen/intestine"}),
        ("hx breast cancer, liver", {"abdomen/liver"}),
        ("Leber, ohne Milz", {"abdomen/liver"}),
        ("sans la vessie", set()),
        ("肝 无胆囊", {"abdomen/liver"}),
    ],
)
def test_what_is_denied_or_past_does_not_count(text, expected):
    assert expected == nodes(text)


@pytest.mark.parametrize(
    "text",
    [
        "hold your breath",
        "spiral",
        "delivery room",
        "chest pain",
        "thyroidectomy clinic visit 3",
        "heart rate 80",
        "Dr. Livermore",
        "Dr. Brian",
        "burst mode",
        "fascial plane",
        "trail",
    ],
)
def test_words_that_look_alike_say_nothing(text):
    assert not nodes(text)


def test_no_word_of_a_text_leaves():
    hints = hints_of(
        "DOE_JANE/liver_19700101.dcm",
        StudyDescription="DOE JANE liver 19700101",
        SeriesDescription="thryoid of Mrs Doe",
        PatientName="DOE^JANE",
        sidecar={"label": "Jane's kidney"},
    )

    allowed = {rule.id for rule in (*anatomy_rules(), *axis_rules())}
    assert hints
    for hint in hints:
        assert hint.rule.partition(":")[2] in allowed
        assert hint.node in tree() or hint.axis != "anatomy"


@pytest.mark.parametrize(
    ("text", "view", "node"),
    [
        ("胸骨旁左室长轴切面", "plax", "thorax/heart"),
        ("心尖四腔心切面", "a4c", "thorax/heart"),
        ("apikaler Vierkammerblick", "a4c", "thorax/heart"),
        ("apical cuatro cámaras", "a4c", "thorax/heart"),
        ("coupe apicale 2 cavités", "a2c", "thorax/heart"),
        ("parasternale asse lungo", "plax", "thorax/heart"),
        ("eixo curto paraesternal", "psax", "thorax/heart"),
        ("胎儿丘脑横切面", "fetal_transthalamic", "fetus/fetal_head"),
        ("胎儿股骨长轴切面", "fetal_femur", "fetus/fetal_limb"),
        ("上腹部横切面 胎儿", "fetal_abdomen_circumference", "fetus/fetal_abdomen"),
        ("plano transtalámico", "fetal_transthalamic", "fetus/fetal_head"),
        ("Nackentransparenz", "fetal_nuchal", "fetus/fetal_head"),
        ("clarté nucale", "fetal_nuchal", "fetus/fetal_head"),
        ("comprimento do fêmur", "fetal_femur", "fetus/fetal_limb"),
        ("circonferenza addominale", "fetal_abdomen_circumference", "fetus/fetal_abdomen"),
        ("头臀长", "crown_rump", "fetus"),
    ],
)
def test_standard_planes_are_read_in_seven_languages(text, view, node):
    found = {(one.axis, one.node) for one in hints_of(SeriesDescription=text)}

    assert ("view", view) in found
    assert path_of(label(hints_of(SeriesDescription=text))) == node

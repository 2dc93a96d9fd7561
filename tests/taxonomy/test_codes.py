"""Every code of the vocabulary stands in a dictionary of the standards, in three generations."""

from __future__ import annotations

import json
from pathlib import Path

import highdicom
import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from echoatlas.pipeline.evidence.sources import exam_terms
from echoatlas.taxonomy.codes import body_part, body_parts, coded
from echoatlas.taxonomy.matching.rules import vocabulary
from echoatlas.taxonomy.tree import tree

TABLE_L1 = json.loads(
    (Path(highdicom.__file__).parent / "_standard/anatomic_regions.json").read_text()
)
SCT = {code for entry in concepts["SCT"].values() for code in entry}
# PS3.3 C.8.5.6.1.1.2, in order.
EXAM_TYPES = """ABDOMINAL,BREAST,CHEST,ENDOCAVITARY,ENDORECTAL,ENDOVAGINAL,EPICARDIAL,FETAL HEART,
GYNECOLOGY,INTRACARDIAC,INTRAOPERATIVE,INTRAVASCULAR,MUSCULOSKELETAL,NEONATAL HEAD,OBSTETRICAL,
OPHTHALMIC,PEDIATRIC,PELVIC,RETROPERITONEAL,SCROTAL,SMALL PARTS,TEE,THYROID,TRANSCRANIAL,TTE,
US BIOPSY,VASCULAR""".replace("\n", "").split(",")


def test_all_terms_of_table_l1_resolve():
    resolved = {term: body_part(term) for term in TABLE_L1}

    assert len(resolved) == 317
    assert not [term for term, nodes in resolved.items() if not nodes]
    named = {node for nodes in resolved.values() for node in nodes}
    assert {"subject:phantom"} == {node for node in named if node not in tree()}


def test_terms_and_codes_are_those_of_the_standard():
    ours = {term: code for term, (code, _) in body_parts().items()}

    assert {term: entry[1] for term, entry in TABLE_L1.items()} == ours


def test_every_code_of_table_l1_resolves_to_a_branch_of_its_term():
    wrong = {}
    for term, (_, code, *_) in TABLE_L1.items():
        expected = {node.partition("/")[0] for node in body_part(term)}
        found = {node.partition("/")[0] for node in coded(code, "SCT")}
        if expected != found and term != "PHANTOM":
            wrong[term] = (expected, found)

    # The standard gives two terms one code (a vagina and an endovaginal probe), or an adult's
    # code to what only a fetus has; none of these may change the region.
    assert wrong == {}


def test_checked_codes_of_the_tree_stand_in_the_standards_tables():
    known = SCT | {entry[1] for entry in TABLE_L1.values()}

    checked = [node for node in tree().nodes if node.checked]

    assert not [node.path for node in checked if node.codes[0] not in known]
    unchecked = [node.path for node in tree().nodes if node.codes and not node.checked]
    assert unchecked == ["abdomen/intestine"]


def test_uberon_and_fma_terms_are_those_that_uberon_has():
    """Against an excerpt of UBERON's own repository: id, name, cross-reference."""
    lines = Path(__file__).with_name("uberon.tsv").read_text("utf-8").splitlines()[1:]
    known = {id: (name, *more) for id, name, *more in (line.split("\t") for line in lines)}

    ours = {
        n.uberon: (n.uberon_name, *([n.fma] if n.fma else ())) for n in tree().nodes if n.uberon
    }

    assert known == ours
    assert len(ours) == 42


def test_parts_filed_under_a_node_are_codes_of_the_standard():
    known = SCT | {entry[1] for entry in TABLE_L1.values()}

    unknown = {code for node in tree().nodes for code in node.related} - known

    assert not unknown


@pytest.mark.parametrize(
    "scheme_and_code", [("SRT", "T-D3000"), ("SCT", "51185008"), ("SCT", "816094009")]
)
def test_three_generations_of_codes_name_the_thorax(scheme_and_code):
    scheme, code = scheme_and_code

    assert coded(code, scheme) == ("thorax",)


def test_snomed_rt_codes_are_those_that_pydicom_maps_to_the_node():
    wrong = [
        (node.path, code)
        for node in tree().nodes
        for code in node.codes
        if code[0] in "TDFP" and mapping["SRT"][code] not in node.codes
    ]

    assert not wrong


def test_an_adult_code_never_names_a_fetal_organ():
    heart = coded("80891009", "SCT")

    assert heart == ("thorax/heart",)


def test_every_defined_exam_type_resolves_or_is_marked_ambiguous():
    defined = vocabulary("image_types")["defined"]

    assert list(defined) == EXAM_TYPES
    for term, entry in exam_terms().items():
        nodes = entry["node"] or []
        nodes = [nodes] if isinstance(nodes, str) else nodes
        assert all(node in tree() for node in nodes), term


def test_every_echocardiographic_view_of_cid_12226_resolves():
    listed = {
        code
        for scheme, names in cid_concepts[12226].items()
        for name in names
        for code, (_, cids) in concepts[scheme][name].items()
        if 12226 in cids
    }

    ours = {code for entry in vocabulary("axes")["view"].values() for code in entry["codes"]}

    assert listed == ours

"""The generated tables and the generated page are what their generators make."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from echoatlas.pipeline.deidentify.header.allow_list import RULES
from echoatlas.pipeline.deidentify.header.codes import dictionary
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.ps315 import concept, profile, tables
from echoatlas.pipeline.deidentify_tool.explain import ACTIONS, explain, page, short_table

ROOT = Path(__file__).parents[3]
DATA = ROOT / "src/echoatlas/pipeline/deidentify/header/data"
PS315 = "e8d7b6c4a324e4549fd678768584ab50edded1cda4b9bd0f6bfc127709336d45"


def generator():
    spec = importlib.util.spec_from_file_location("deid_tables", ROOT / "tools/deid_tables.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["deid_tables"] = module
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_installed_package():
    made = generator()

    assert made.written(made.ps315()) == (DATA / "ps315.json").read_text("utf-8")
    assert made.written(made.iods()) == (DATA / "iods.json").read_text("utf-8")
    assert made.codes() == (DATA / "codes.tsv").read_text("utf-8")
    assert made.retired() == made.RETIRED.read_text("utf-8")


def test_a_retired_code_has_the_meaning_of_the_code_that_took_its_place():
    assert dictionary()["SRT", "T-04000"] == dictionary()["SCT", "76752008"] == "Breast"
    assert ("99PRIVATE", "76752008") not in dictionary()


def test_the_standards_table_is_the_pinned_one():
    assert hashlib.sha256((DATA / "ps315.json").read_bytes()).hexdigest() == PS315
    assert tuple(map(len, tables())) == (657, 214)


def test_a_row_is_found_for_repeating_groups_and_private_attributes():
    assert profile(0x60024000).basic == "X"
    assert profile(0x501E3000).basic == "X"
    assert profile(0x00291010).basic == "X"
    assert None is profile(0x00280010)
    assert [row.basic for row in concept("DCM", "121022")] == ["X"]


def test_an_option_turns_removal_into_keeping():
    birth_sex = profile(0x00100040)

    assert birth_sex.action(frozenset()) == "Z"
    assert birth_sex.action(frozenset({"retain_patient_characteristics"})) == "K"


def test_the_page_says_what_the_rules_do():
    assert page() == (ROOT / "docs/deidentification.md").read_text("utf-8")


def test_a_policy_explains_itself_in_sentences():
    told, strict = explain(Policy()), explain(Policy(patient_characteristics=False))

    assert any("PatientID: replaced by the patient's keyed pseudonym" in line for line in told)
    assert any("PatientAge" in line and "dropped" in line for line in strict)
    assert told != strict


def test_the_short_table_counts_every_listed_attribute_once():
    rows = [line.split("|")[1:-1] for line in short_table().splitlines()[3:-1]]

    counts = {action.strip(): int(number.split()[0]) for action, _, number in rows}

    assert len(RULES) == sum(counts.values())
    assert list(ACTIONS) == list(counts)
    assert short_table() in (ROOT / "docs/deidentification.md").read_text("utf-8")


def test_a_policy_moves_attributes_between_actions():
    strict = short_table(Policy(patient_characteristics=False))

    assert strict != short_table()
    assert strict.startswith("<!-- deidentification: start -->\n| action |")

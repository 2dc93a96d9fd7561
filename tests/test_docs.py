"""What the documents show is what the code does."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom import dcmread

from echoatlas.cli import call
from echoatlas.cli.reference import reference
from echoatlas.cli.settings import page
from echoatlas.pipeline.deidentify_tool.explain import short_table
from echoatlas.pipeline.deployment import Deployment
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.dictionary import dictionary
from echoatlas.simulate import make_still, write_dicom
from tools.glossary import HEAD, clashes, listed, sources

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text("utf-8")
# Not what stands alone in quotes: words that are looked for in files of others
BRITISH = re.compile(
    r"(?<!\")\b\w*(?:colour|behaviour|labell(?:ed|ing)|centre|normalis|organis|recognis|grey|catalogue)",
    re.IGNORECASE,
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_data_dictionary_is_the_tables() -> None:
    assert (TOP / "docs/data-dictionary.md").read_text("utf-8") == dictionary()


def test_the_command_reference_is_the_command_line() -> None:
    assert (TOP / "docs/command-line.md").read_text("utf-8") == reference()


def test_the_reference_of_settings_is_the_models() -> None:
    assert (TOP / "docs/settings.md").read_text("utf-8") == page()


def test_a_name_that_two_rooms_define_is_in_the_glossary_with_its_meanings() -> None:
    page = (TOP / "docs/glossary.md").read_text("utf-8")

    assert listed(page) == clashes(sources())


def test_a_name_in_two_rooms_is_seen() -> None:
    text = {
        "pipeline/read/a.py": "class Thing: ...\ndef one(): ...\ndef _own(): ...",
        "pipeline/lake/b.py": "class Thing: ...\nNUMBER = 1\ndef _own(): ...",
        "pipeline/lake/c.py": "def two(): ...\nNUMBER = 2",
        "cli/d.py": "def two(): ...",
    }

    assert clashes(text) == {("Thing", "pipeline/read"), ("Thing", "pipeline/lake")}


def test_each_surprise_names_its_script_and_the_test_that_holds_us_to_the_right_value() -> None:
    page = (TOP / "docs/other-programs.md").read_text("utf-8")
    named = re.findall(r"`([a-z0-9_]+)`, `(test_[a-z0-9_]+)` \|$", page, re.M)
    tests = "".join(file.read_text("utf-8") for file in TOP.glob("tests/**/test_*.py"))

    assert sorted(script for script, _ in named) == sorted(
        file.stem for file in TOP.glob("findings/*.sh")
    )
    assert not [test for _, test in named if f"def {test}(" not in tests]


def test_each_trainer_has_a_test_that_opens_what_it_reads() -> None:
    page = (TOP / "docs/formats.md").read_text("utf-8")
    held = re.findall(r"^\| (\d+) .*`test_\w+` \|$", page, re.M)
    tests = "".join(file.read_text("utf-8") for file in TOP.glob("tests/release/test_*.py"))

    assert [*map(str, range(1, 16))] == held
    assert not [one for one in re.findall(r"`(test_\w+)`", page) if f"def {one}(" not in tests]


def test_a_row_without_a_meaning_is_no_row() -> None:
    page = f"{HEAD}\n| `a` | `taxonomy` | what a is |\n| `b` | `taxonomy` |  |\n"

    assert listed(page) == {("a", "taxonomy")}


def test_spelling_is_american() -> None:
    folders = ("src", "docs", "benchmarks", "tools")
    pages = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml")
    files = [*(TOP / page for page in pages)]
    files += [path for folder in folders for path in (TOP / folder).rglob("*")]

    found = {
        f"{path.relative_to(TOP)}: {word}"
        for path in files
        if path.suffix in {".py", ".md", ".toml", ".j2"}
        for word in BRITISH.findall(path.read_text("utf-8"))
    }

    assert found == set()


def test_what_becomes_of_attributes_is_in_the_readme_as_the_rules_say() -> None:
    assert short_table() in README


def test_site_files_in_the_readme_are_right() -> None:
    for text in blocks("yaml"):
        parse(SiteConfig, yaml.safe_load(text), "README.md")


def test_python_in_the_readme_compiles() -> None:
    assert blocks("python")
    for text in blocks("python"):
        compile(text, "README.md", "exec")


def test_parameters_of_flows_in_the_readme_are_texts_to_prefect() -> None:
    """Its command line reads a value that is JSON as that: 2026.11 would be a number."""
    values = re.findall(r"--param \w+=(\S+)", README)

    assert values
    for value in values:
        with pytest.raises(ValueError):
            json.loads(value)


# Great Expectations warns as it is imported, and here it is imported into this process
@pytest.mark.filterwarnings("ignore")
def test_commands_in_the_readme_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is called as written, in order, over a small rehearsal in place of a hospital."""
    from tests.helpers.rehearsal import fill

    fill(tmp_path / "uploads" / "st-elsewhere", stills=2, cine=False)
    site = next(text for text in blocks("yaml") if "st-elsewhere" in text)
    (tmp_path / "scans").mkdir()
    still = make_still(seed=1, fan="convex", size=(400, 300))
    (tmp_path / "scans" / "still.dcm").write_bytes(write_dicom(still, "1.2.840.10008.1.2.1"))
    monkeypatch.setenv("ECHOATLAS_KEY_LOCAL", secrets.token_hex(32))
    place = str(tmp_path / "uploads" / "st-elsewhere")
    (tmp_path / "st-elsewhere.yaml").write_text(
        re.sub(r"bucket: \S+", f"bucket: {place}", site), "utf-8"
    )
    leaving = dcmread(tmp_path / "uploads" / "st-elsewhere" / "upload-1" / "scan0.dcm").PatientID
    (tmp_path / "ids.txt").write_text(f"{leaving}\n")
    monkeypatch.chdir(tmp_path)
    lines = [
        line.split("#")[0].strip()
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith(("$ echoatlas ", "$ cd "))
    ]

    for line in lines:
        _, name, *words = shlex.split(line)
        if name == "cd":
            assert Deployment.find(tmp_path / words[0]).sites == {}
            monkeypatch.chdir(words[0])
        else:
            assert call(words) == 0, line

    assert len(lines) >= 8
    # What the README does with what was pulled, by the library that it names
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    given = next(text for text in blocks("python") if "load_dataset" in text)
    shown: dict[str, Any] = {}
    exec(compile(given, "README.md", "exec"), shown)
    assert shown["rows"][0]["image"].size == (256, 256)
    assert shown["rows"][0]["fan_mask"].size == (256, 256)


def test_each_decision_has_a_number_of_its_own() -> None:
    pages = sorted((TOP / "docs" / "adr").glob("*.md"))

    assert [int(one.name[:4]) for one in pages] == list(range(1, len(pages) + 1))
    for one in pages:
        title = one.read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {int(one.name[:4])}. "), one.name

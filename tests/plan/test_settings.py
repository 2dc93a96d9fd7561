"""Settings: all are checked before anything starts, and a new name makes no lake anew."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.cli import call
from echoatlas.cli.models import of_model, of_record
from echoatlas.cli.settings import renewed_by
from echoatlas.errors import ConfigError, UsageError
from echoatlas.pipeline.deduplicate.config import DeduplicateConfig
from echoatlas.pipeline.deduplicate.whole_lake import deduplicate
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.frames.normalize import NormalizeConfig
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import NOWHERE, fingerprints_of
from echoatlas.pipeline.plan.plan import MARKS, _today, checked, remember
from echoatlas.pipeline.settings import settings
from echoatlas.pipeline.step import declared, hashed, renamed
from echoatlas.schemas.config.deployment import DeploymentConfig, Engine, Zone
from echoatlas.schemas.config.file import parse, yaml_value
from echoatlas.schemas.config.site import Sampling, SiteConfig
from echoatlas.schemas.config.site import hashed as hashed_site
from echoatlas.schemas.packaged import SHORT
from echoatlas.taxonomy.collections import Collection

# What the settings of each step were known by before any of them got another name. A step that
# gets a setting more changes its line, and renews what it made: that is meant, a renaming is not.
KNOWN = {
    "read": "9b1c0bd56cdf0146",
    "evidence": "997210d818d7287a",
    "geometry": "0ec4386593c03622",
    "deidentify": "e59de3b68cd03982",
    "check_planes": "599a83743296caed",
    "check_masks": "599a83743296caed",
    "redact": "599a83743296caed",
    "check_redacted": "599a83743296caed",
    "normalize": "12ac79994f21456b",
    "measure": "4b1953113cf578de",
    "annotate": "adef2cdceb67e27c",
    "check_written": "599a83743296caed",
    "deduplicate": "30aaa8cee98fcf5e",
    "label": "f3f6d0cb92084bc9",
}
SITE_WITH_SAMPLING = "e7d9c23ee365c5b4"


def head(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_new_name_of_a_setting_renews_no_lake() -> None:
    steps: list[tuple[Callable[..., Any], object]] = [
        *JourneyConfig().steps(),
        (deduplicate, DeduplicateConfig()),
        (label, LabelConfig()),
    ]

    known = {
        declared(step).name: head(json.dumps(hashed(config), sort_keys=True, default=str))
        for step, config in steps
    }

    assert known == KNOWN


def test_nor_does_one_of_a_site_file() -> None:
    sampling = Sampling(max_frames=8, min_change=12)
    site = SiteConfig(site="st-elsewhere", bucket="s3://uploads/x", sampling=sampling)

    assert head(hashed_site(site, NOWHERE)) == SITE_WITH_SAMPLING
    assert fingerprints_of(JourneyConfig(), site) != fingerprints_of(
        JourneyConfig(), site.model_copy(update={"sampling": Sampling()})
    )


def deployment(**steps: object) -> DeploymentConfig:
    return parse(DeploymentConfig, {"steps": steps}, "echoatlas.yaml")


# A record of configurations by the name of its section, with all that lie in it
def places(config: object, path: str = "") -> list[tuple[str, object]]:
    found = [(path, config)]
    for one in fields(config):  # type: ignore[arg-type]
        value = getattr(config, one.name)
        if is_dataclass(value):
            found += places(value, f"{path}.{one.name}".removeprefix("."))
    return found


def nested(path: str, value: object) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


RECORDS = [
    *places(JourneyConfig()),
    ("label", LabelConfig()),
    ("deduplicate", DeduplicateConfig()),
]
RENAMED = [
    (f"{path}.{one.metadata['was']}", one.name)
    for path, record in RECORDS
    for one in fields(record)  # type: ignore[arg-type]
    if one.metadata.get("was")
]


@pytest.mark.parametrize(("path", "name"), RENAMED)
def test_the_old_name_of_a_setting_is_told_the_new_one(path: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"'steps.{path}' is called '{name}' now"):
        checked(deployment(**nested(path, 1)))


@pytest.mark.parametrize(("old", "new"), [("most", "max_frames"), ("novel", "min_change")])
def test_so_is_that_of_a_site_file(old: str, new: str) -> None:
    raw = {"site": "st", "bucket": "x", "sampling": {old: 3}}

    with pytest.raises(ConfigError, match=f"'sampling.{old}' is called '{new}' now"):
        parse(SiteConfig, raw, "st.yaml")


BOUNDED = [
    (f"{path}.{one.name}", one.metadata["low"], one.metadata["high"])
    for path, record in RECORDS
    for one in fields(record)  # type: ignore[arg-type]
    if one.metadata.get("low") is not None
]


@pytest.mark.parametrize(("path", "low", "high"), BOUNDED)
def test_a_value_that_makes_no_sense_is_refused_with_the_range(
    path: str, low: float, high: float
) -> None:
    for wrong in (low - 1, high + 1):
        value = (wrong,) * 4 if path.endswith(".level") else wrong
        with pytest.raises(ConfigError, match=rf"'steps\.{path}': .* is out of range \({low} to"):
            checked(deployment(**nested(path, value)))


def test_every_number_that_a_step_is_set_by_has_a_range() -> None:
    unbounded = [
        f"{path}.{one.name}"
        for path, record in RECORDS
        for one in fields(record)  # type: ignore[arg-type]
        if type(getattr(record, one.name)) in (int, float) and one.metadata.get("low") is None
    ]

    assert unbounded == []


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(BOUNDED))
def test_whatever_number_is_set_is_in_range_or_refused(
    value: float, bounded: tuple[str, float, float]
) -> None:
    path, low, high = bounded
    try:
        chosen: Any = checked(deployment(**nested(path, value)))
    except ConfigError:
        return

    section, *rest = path.split(".")
    if section in ("label", "deduplicate"):
        return  # accepted, and not handed out
    for part in (section, *rest):
        chosen = getattr(chosen, part)
    assert low <= chosen <= high


def test_one_setting_leaves_those_beside_it_as_they_are() -> None:
    default = JourneyConfig().redact

    chosen = checked(deployment(redact={"full": {"margin": 8}}))

    assert chosen.redact.full.margin == 8
    assert chosen.redact.full.moving == default.full.moving
    assert chosen.redact.full.reading == default.full.reading
    assert chosen.redact.again == default.again


WRONG = {
    "{deduplicate: {x: 1}}": "unknown key 'steps.deduplicate.x'",
    "{label: {odd: 2}}": "unknown key 'steps.label.odd'",
    "{normalize: {size: 1}}": "'steps.normalize.size': 1 is out of range (16 to 4096 pixels)",
    "{normalize: {size: big}}": "'steps.normalize.size': expected a whole number",
    "{redact: {look: {blok: 3}}}": "unknown key 'steps.redact.look.blok'; did you mean 'block'?",
    "{deidentify: {dates: never}}": "steps.deidentify: 'dates'",
    "{normalise: {size: 256}}": "no step 'normalise'; did you mean 'normalize'?",
}


@pytest.mark.parametrize("command", ["plan", "run", "label run"])
@pytest.mark.parametrize("text", WRONG)
def test_whatever_starts_work_refuses_a_wrong_setting_before_it(
    tmp_path: Path, text: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Deployment.init(tmp_path / "home").root
    config = home / "echoatlas.yaml"
    config.write_text(f"{config.read_text()}\nsteps: {text}\n")
    if command == "label run" and "label" not in text:
        return  # which needs no others

    code = call(["--deployment", str(home), *command.split()])

    told = capsys.readouterr().err
    assert code == 2
    assert WRONG[text] in told and told.count("\n") == 1
    assert not list(home.glob("lake/*"))


def test_what_a_plan_says_of_a_change_knows_settings_by_their_new_names(tmp_path: Path) -> None:
    """A lake that was described under old names tells what changed, and nothing else."""
    made = Deployment.init(tmp_path / "home")
    (tmp_path / "scans").mkdir()
    site = SiteConfig(site="st", bucket=str(tmp_path / "scans"))
    remember(made.lake.storage, JourneyConfig(), [site])
    mark = fingerprints_of(JourneyConfig(), site).frames
    key = f"{MARKS}{mark}.json"
    old = json.loads(made.lake.storage.read(key))
    names = {new: was for was, new in renamed(JourneyConfig).items()}

    def as_it_was(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {names.get(name, name): as_it_was(part) for name, part in value.items()}

    made.lake.storage.write(key, json.dumps(as_it_was(old)).encode())

    assert _today(json.loads(made.lake.storage.read(key))) == old


SITES = {
    "labels: {organ: liver}": "there is no 'liver' in the tree; did you mean 'abdomen/liver'?",
    "labels: {organ: abdomen/livr}": "did you mean 'abdomen/liver'?",
    "labels: {organ: xyz}": "`echoatlas tree` prints it",
    "collection: busy": "'collection': no collection 'busy'; did you mean 'busi'?",
    "patient: {source: name}": "'patient': source 'name' needs a pattern",
    "patient: {source: name, pattern: 'P\\d+'}": "put parentheses around the patient's part",
    "patient: {source: name, pattern: '('}": "no regular expression",
    "sidecar: {columns: {who: patent}}": "column 'who' can't mean 'patent'; did you mean 'patient'",
    "country: Germany": "'country'",
}


@pytest.mark.parametrize("line", SITES)
def test_a_site_file_that_was_changed_by_hand_is_checked_before_anything_starts(
    tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Deployment.init(tmp_path / "home").root
    file = home / "sites" / "st.yaml"
    file.write_text(f"site: st\nbucket: {tmp_path}\n{line}\n")

    code = call(["--deployment", str(home), "run"])

    told = capsys.readouterr().err
    assert code == 2
    assert SITES[line] in told and str(file) in told and told.count("\n") == 1
    assert len(told) < 300


@pytest.mark.parametrize("parsed_by", ["libyaml", "PyYAML"])
def test_where_a_file_is_not_yaml_is_told(parsed_by: str) -> None:
    comment = "# as it is\n" * (1 if parsed_by == "libyaml" else SHORT)

    assert yaml_value(f"{comment}name: st\nids: [1, yes, 2026-01-02]\n", "st.yaml") == {
        "name": "st",
        "ids": [1, True, date(2026, 1, 2)],
    }
    with pytest.raises(ConfigError, match=rf"st.yaml, line {comment.count(chr(10)) + 2}: not "):
        yaml_value(f"{comment}name: st\n\tids: x\n", "st.yaml")
    with pytest.raises(ConfigError, match=r"st.yaml, line .*: not valid YAML"):
        yaml_value(f"{comment}name: !!python/name:os.system x\n", "st.yaml")


def test_what_is_nested_too_deep_is_no_yaml() -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        yaml_value("[" * SHORT + "]" * SHORT, "st.yaml")


def test_settings_refuse_what_only_looks_like_one() -> None:
    with pytest.raises(ConfigError, match=r"keys: color, color_share, inpaint, min_fan"):
        settings(NormalizeConfig, {"colour_shares": 1}, "steps.normalize")
    assert issubclass(ConfigError, UsageError)


def test_every_setting_is_explained_in_the_reference() -> None:
    records = [getattr(JourneyConfig(), one.name) for one in fields(JourneyConfig())]
    records += [LabelConfig(), DeduplicateConfig()]
    settings_of = [
        *(one for record in records for one in of_record(record, f"{type(record).__name__}.")),
        *of_model(DeploymentConfig),
        *of_model(SiteConfig),
        *of_model(Collection),
    ]

    assert [one.key for one in settings_of if not one.meaning] == []
    assert [one.key for one in settings_of if not one.kind] == []


CHANGED: dict[str, Any] = {
    "bucket": "elsewhere",
    "license": "CC0-1.0",
    "country": "DE",
    "partial": True,
    "cropped": True,
    "collection": "busi",
    "labels": {"organ": "abdomen/liver"},
    "patient": {"source": "folder"},
    "sidecar": {"key": "file"},
    "sampling": {"max_frames": 3},
}


@pytest.mark.parametrize("key", CHANGED)
def test_a_key_of_a_site_file_renews_what_the_reference_says(key: str) -> None:
    raw = {"site": "st", "bucket": "here"}
    before = fingerprints_of(JourneyConfig(), parse(SiteConfig, raw, "st.yaml"))
    after = fingerprints_of(
        JourneyConfig(), parse(SiteConfig, {**raw, key: CHANGED[key]}, "st.yaml")
    )
    place = f"{key}.{next(iter(CHANGED[key]))}" if isinstance(CHANGED[key], dict) else key

    told = renewed_by(place)

    assert ("frames" in told) == (before.frames != after.frames)
    assert ("evidence" in told) == (before.evidence != after.evidence)


def test_the_file_that_init_writes_shows_every_setting_as_it_is_by_default(tmp_path: Path) -> None:
    text = Deployment.init(tmp_path / "home").root.joinpath("echoatlas.yaml").read_text()
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if re.match(r"(# )? *[a-z_]+:( |$)", line)
    )

    said = yaml.safe_load(uncommented)
    meant = parse(DeploymentConfig, said, "echoatlas.yaml")

    assert parse(DeploymentConfig, yaml.safe_load(text), "echoatlas.yaml") == DeploymentConfig()
    assert set(said) == set(DeploymentConfig.model_fields)
    assert set(said["engine"]) == set(Engine.model_fields)
    assert set(said["zones"]["intake"]) == set(Zone.model_fields)
    assert meant == DeploymentConfig(zones={"intake": Zone()}, steps={"normalize": {"size": 256}})
    assert checked(meant) == JourneyConfig()


def test_init_takes_any_address_of_a_lake(tmp_path: Path) -> None:
    for number, place in enumerate(("s3://b/lake", "my lake", "a: b#c")):
        assert Deployment.init(tmp_path / str(number), place).config.lake == place

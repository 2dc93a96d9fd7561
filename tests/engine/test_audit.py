"""A person looks at frames; what leaks leaves the lake and does not come back by itself."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from echoatlas.pipeline.audit.bound import clopper_pearson
from echoatlas.pipeline.audit.sheet import RISKS, draw
from echoatlas.pipeline.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.quarantine import release_from_quarantine
from echoatlas.pipeline.release import index_table, manifest_of
from rehearsal import Rehearsal

Copy = Callable[[], Rehearsal]


def said(made: Rehearsal, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command of a copy in this process, and return what it printed as JSON."""
    capsys.readouterr()
    code = call(["--deployment", str(made.home), "--lake", str(made.lake_path), *words, "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return json.loads(shown.out)


def refused(made: Rehearsal, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert call(["--deployment", str(made.home), *words]) == 2
    return capsys.readouterr().err


def filled_in(sheet: Path, verdicts: dict[str, str], default: str = "clean", **more: str) -> Path:
    """The sheet's table with verdicts by frame, and ``more`` in every row."""
    rows = list(csv.DictReader(sheet.open()))
    out = sheet.with_name("filled-in.csv")
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for row in rows:
            verdict = verdicts.get(row["frame_id"], default)
            writer.writerow(row | {"verdict": verdict} | more)
    return out


@pytest.fixture
def copy(undisturbed: Rehearsal, tmp_path: Path) -> Copy:
    """The same deployment with the same lake, to do with as one likes."""

    def make() -> Rehearsal:
        other = object.__new__(Rehearsal)
        other.root, other.uploads = tmp_path, undisturbed.uploads
        other.home = tmp_path / "deployment"
        shutil.copytree(undisturbed.home, other.home)
        other.lake_path = other.home / "lake"
        return other

    return make


@pytest.fixture
def reviewed(copy: Copy, tmp_path: Path, capsys: Any) -> tuple[Rehearsal, Path]:
    made = copy()
    said(made, capsys, "audit", "sample", "--n", "8", "--seed", "3", str(tmp_path / "sheet"))
    return made, tmp_path / "sheet" / "review.csv"


def test_a_sheet_shows_the_frames_of_the_lake_and_nothing_else(reviewed: Any) -> None:
    made, sheet = reviewed

    rows = list(csv.DictReader(sheet.open()))
    page = sheet.with_name("review.html").read_text()

    kinds = Counter(row["drawn"] for row in rows)
    assert (kinds["random"], kinds["risk"]) == (4, len(rows) - 4) and kinds["risk"] > 0
    assert all(row["risk"] for row in rows if row["drawn"] == "risk")
    assert {row["frame_id"] for row in rows} <= {
        row["frame_id"] for row in made.lake.read("frames", ["frame_id"]).to_pylist()
    }
    assert page.count("data:image/png;base64,") == len(rows)
    assert "http" not in page  # one file, readable anywhere
    assert "upload-1" not in page and "upload-1" not in sheet.read_text()


def test_a_sheet_that_may_have_been_filled_in_is_not_written_over(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed

    told = refused(made, capsys, "audit", "sample", str(sheet.parent))

    assert "there is a sheet" in told


def test_a_leaking_frame_takes_its_object_out_of_the_lake_and_of_releases(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    said(made, capsys, "release", "create", "before")
    leaking = next(csv.DictReader(sheet.open()))["frame_id"]
    frames = made.lake.read("frames", ["frame_id", "object_id"]).to_pylist()
    lost = next(row["object_id"] for row in frames if row["frame_id"] == leaking)

    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1"
    )

    assert done["findings"]["leak"] == 1 and not done["findings"]["open"]
    assert lost in done["quarantined"]
    assert done["releases"] == ["before"]
    quarantine = made.lake.read("quarantine").to_pylist()
    assert lost in {row["object_id"] for row in quarantine}
    assert ("seen_by_reviewer", "review") in {(r["reason"], r["step"]) for r in quarantine}
    status = said(made, capsys, "status")
    assert status["conservation"] and status["frames"] == sum(status["regions"].values())
    said(made, capsys, "release", "create", "after")
    assert leaking in _released(made, "before")
    assert not _released(made, "after") & {
        row["frame_id"] for row in frames if row["object_id"] in done["quarantined"]
    }
    audit = said(made, capsys, "audit", "show", lost)[0]
    assert audit["verdict"] == "quarantined" and "seen_by_reviewer" in audit["verdicts"]
    assert audit["methods"] and audit["policy"]  # what was done to it stays known


def _released(made: Rehearsal, name: str) -> set[str]:
    releases = Deployment.find(made.home).releases
    return set(index_table(releases, manifest_of(releases, name))["frame_id"].to_pylist())


def test_it_stays_out_when_settings_change_and_when_all_is_retried(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.open()))["frame_id"]
    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "unsure"})), "--by", "po-1"
    )
    made.engine(batch=2, group=1, workers=2)
    config = made.home / "echoatlas.yaml"
    config.write_text(config.read_text() + "steps: {normalize: {least_fan: 20}}\n")
    deployment = Deployment.find(made.home)

    plan = said(made, capsys, "plan")["sites"][0]
    release_from_quarantine(deployment)
    kept_out = {
        row["object_id"]
        for row in made.lake.read("objects").to_pylist()
        if row["reason"] == "seen_by_reviewer"
    }

    assert plan["renewed"] > 0
    assert plan["up_to_date"] == len(kept_out) == len(done["quarantined"]) > 0
    by_name = release_from_quarantine(deployment, reason="seen_by_reviewer")
    assert by_name == len(done["quarantined"])


def test_an_import_that_was_cut_off_is_completed_by_whoever_comes_next(
    reviewed: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.open()))["frame_id"]
    words = ("audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1")

    def power_cut(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("echoatlas.pipeline.audit.verdicts.carry_out", power_cut)
        said(made, capsys, *words)
    assert made.lake.read("findings").num_rows == 0
    said(made, capsys, *words)

    left = made.lake.read("frames", ["frame_id"])["frame_id"].to_pylist()
    assert leaking not in left
    assert said(made, capsys, "status")["conservation"]
    assert len(made.lake.read("findings")) == len(list(csv.DictReader(sheet.open())))


def test_the_same_sheet_twice_is_one_import(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.open()))["frame_id"]
    words = ("audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1")
    said(made, capsys, *words)
    before = made.rows()

    again = said(made, capsys, *words)

    assert not any(again["findings"].values()) and not again["quarantined"]
    assert before == made.rows()


def test_a_frame_nobody_looked_at_counts_as_a_leak_until_somebody_does(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    half = filled_in(sheet, {}, default="")
    said(made, capsys, "audit", "import", str(half), "--by", "po-1")
    open_ = said(made, capsys, "audit", "bound")[-1]

    said(made, capsys, "audit", "import", str(filled_in(sheet, {})), "--by", "po-1")
    whole = said(made, capsys, "audit", "bound")[-1]

    assert (open_["reviewed"], open_["open"], open_["high"]) == (4, 4, 1.0)
    assert (whole["reviewed"], whole["open"], whole["low"]) == (4, 0, 0.0)
    assert whole["high"] == pytest.approx(1 - 0.025 ** (1 / 4))


def test_only_frames_drawn_at_random_bound_the_leaks(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    rows = list(csv.DictReader(sheet.open()))
    risky = next(row for row in rows if row["drawn"] == "risk")["frame_id"]

    said(made, capsys, "audit", "import", str(filled_in(sheet, {risky: "leak"})), "--by", "po-1")
    *devices, whole = said(made, capsys, "audit", "bound")

    assert (whole["leaks"], whole["also"], whole["reviewed"]) == (0, 1, 4)
    assert sum(one["reviewed"] for one in devices) == 4
    assert {one["stratum"] for one in devices} <= {row["stratum"] for row in rows}


def test_of_two_reviewers_the_worse_verdict_stands(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    row = next(r for r in csv.DictReader(sheet.open()) if r["drawn"] == "random")
    said(
        made,
        capsys,
        "audit",
        "import",
        str(filled_in(sheet, {row["frame_id"]: "leak"})),
        "--by",
        "a",
    )

    said(made, capsys, "audit", "import", str(filled_in(sheet, {})), "--by", "b")

    assert said(made, capsys, "audit", "bound")[-1]["leaks"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "Jane Doe is on it"}, "a verdict is leak, clean or unsure"),
        ({"drawn": "random", "stratum": "GE LOGIQ 9"}, "not as it was drawn"),
        ({"frame_id": "0" * 32}, "not as it was drawn"),
        ({"ticket": ""}, "not as it was drawn"),
    ],
)
def test_a_sheet_that_was_not_drawn_so_is_refused(
    reviewed: Any, capsys: Any, change: dict[str, str], message: str
) -> None:
    made, sheet = reviewed

    told = refused(
        made, capsys, "audit", "import", str(filled_in(sheet, {}, **change)), "--by", "po-1"
    )

    assert message in told and "line 2" in told
    assert "Jane" not in told
    assert made.lake.read("findings").num_rows == 0


def test_a_note_is_not_kept(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    noted = filled_in(sheet, {}, note="says KOWALSKI in the corner")

    said(made, capsys, "audit", "import", str(noted), "--by", "po-1")

    assert made.lake.read("findings").num_rows > 4
    assert not [
        f for f in made.lake_path.rglob("*") if f.is_file() and b"KOWALSKI" in f.read_bytes()
    ]


def test_the_same_pixels_in_another_object_go_too(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    measures = made.lake.read("measures", ["frame_id", "object_id", "pixel_hash"]).to_pylist()
    leaking = next(csv.DictReader(sheet.open()))["frame_id"]
    pixels = next(row["pixel_hash"] for row in measures if row["frame_id"] == leaking)

    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1"
    )

    same = {row["object_id"] for row in measures if row["pixel_hash"] == pixels}
    assert same <= set(done["quarantined"])
    assert pixels not in made.lake.read("measures", ["pixel_hash"])["pixel_hash"].to_pylist()


def frame(number: int, device: str, risk: str) -> dict[str, str]:
    return {"frame_id": f"{number:032x}", "stratum": device, "risk": risk}


def test_a_random_half_is_drawn_as_devices_are_and_a_risky_half_by_weight() -> None:
    frames = [
        frame(n, "common" if n % 10 else "rare", "text_kept" if n % 4 == 0 else "")
        for n in range(4000)
    ]

    drawn = draw(frames, "lake", 800, seed=1)

    random = [one for one in drawn if one.drawn == "random"]
    risk = [one for one in drawn if one.drawn == "risk"]
    assert (len(random), len(risk)) == (400, 400)
    assert 0.06 < np.mean([one.stratum == "rare" for one in random]) < 0.14
    assert all(one.risk for one in risk)
    assert not {one.frame_id for one in random} & {one.frame_id for one in risk}


def test_the_heavier_risk_is_drawn_more_often() -> None:
    frames = [frame(n, "x", "text_kept" if n % 2 else "low_score") for n in range(2000)]

    risk = [one for one in draw(frames, "lake", 400, seed=2) if one.drawn == "risk"]

    heavy = sum(one.risk == "text_kept" for one in risk)
    share = RISKS["text_kept"] / (RISKS["text_kept"] + RISKS["low_score"])
    assert abs(heavy / len(risk) - share) < 0.08


@given(st.permutations(range(40)), st.integers(0, 5))
def test_the_same_seed_draws_the_same_frames_in_any_order(order: list[int], seed: int) -> None:
    frames = [frame(n, "x", "low_score") for n in range(40)]

    assert draw(frames, "lake", 10, seed) == draw([frames[n] for n in order], "lake", 10, seed)


@given(st.integers(0, 60), st.integers(1, 300))
def test_the_bound_is_the_exact_one(hits: int, n: int) -> None:
    hits = min(hits, n)

    low, high = clopper_pearson(hits, n)

    # At its ends, what was seen or more extreme has a chance of 2.5 %, by the binomial itself
    if hits < n:
        assert binom.cdf(hits, n, high) == pytest.approx(0.025, abs=1e-6)
    if hits:
        assert binom.sf(hits - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert low <= hits / n <= high


def test_without_an_observation_nothing_is_known() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_the_audit_says_of_an_object_what_was_done_and_no_value(copy: Copy, capsys: Any) -> None:
    made = copy()
    kept = [r for r in made.lake.read("audit").to_pylist() if r["verdict"] == "released"]

    (told,) = said(made, capsys, "audit", "show", kept[0]["object_id"][:12])
    call(["--deployment", str(made.home), "audit", "show", kept[0]["object_id"]])
    words = capsys.readouterr().out

    assert "113100" in told["methods"]
    assert told["key_id"] == Deployment.find(made.home).site_key("st-elsewhere").key_id
    assert "Basic Application Confidentiality Profile" in words
    assert told["policy"] in words and told["model"] in words
    assert {
        row["object_id"] for row in said(made, capsys, "audit", "show", "--site", told["site"])
    } == {row["object_id"] for row in made.lake.read("audit").to_pylist()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show",), "name an object, or a site"),
        (("show", "zz"), "no object starts with 'zz'"),
        (("show", "--site", "st-elswhere"), "did you mean 'st-elsewhere'"),
        (("reidentify", "--release", "none"), "no release 'none'"),
        (("import", "none.csv", "--by", "x"), "cannot be read"),
    ],
)
def test_a_wrong_question_gets_one_line(
    copy: Copy, capsys: Any, words: tuple[str, ...], message: str
) -> None:
    told = refused(copy(), capsys, "audit", *words)

    assert message in told and told.count("\n") == 1


def test_the_report_adds_up_what_the_table_says(copy: Copy, tmp_path: Path, capsys: Any) -> None:
    made = copy()
    rows = made.lake.read("audit").to_pylist()

    told = said(made, capsys, "audit", "report")
    said(made, capsys, "audit", "report", "--out", str(tmp_path / "audit.md"))

    done = [row for row in rows if row["verdict"] == "released"]
    assert told["verdicts"] == Counter(row["verdict"] for row in rows)
    assert told["text_boxes"] == sum(row["text_boxes"] for row in done)
    assert told["methods"]["113101"] == len(done)
    assert told["actions"]["X"] == sum(json.loads(row["actions"]).get("X", 0) for row in done)
    assert sum(told["policies"].values()) == len(done)
    page = (tmp_path / "audit.md").read_text()
    assert "Retain Longitudinal Temporal Information Modified Dates Option" in page
    assert all(reason in page for reason in told["reasons"]) and told["reasons"]


def test_a_release_of_k_hides_everybody_and_verifies(copy: Copy, capsys: Any) -> None:
    made = copy()
    said(made, capsys, "release", "create", "plain")

    manifest = said(made, capsys, "release", "create", "hidden", "--min-k", "2")
    lake, *releases = said(made, capsys, "audit", "reidentify", "--k", "2")

    plain, hidden = (r for name in ("plain", "hidden") for r in releases if r["population"] == name)
    assert plain["anonymity"]["under"] > 0 == hidden["anonymity"]["under"]
    assert plain["would"] == manifest["anonymity"] | {"k": 2}
    assert hidden["anonymity"]["k"] == manifest["anonymity"]["k"] >= 2
    assert lake["population"] == "lake"
    checks = {c["name"]: c["ok"] for c in said(made, capsys, "verify", "hidden")["checks"]}
    assert checks["each patient is one of 2"]


def test_a_release_that_nobody_can_hide_in_is_not_cut(copy: Copy, capsys: Any) -> None:
    made = copy()

    code = call(["--deployment", str(made.home), "release", "create", "none", "--min-k", "500"])

    assert code == 1
    assert "fewer than 500 patients are alike" in capsys.readouterr().err

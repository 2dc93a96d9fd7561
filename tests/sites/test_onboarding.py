"""A site's file is checked, and what lies in its bucket is told as a plan would count it."""

from __future__ import annotations

from pathlib import Path

import pytest

from echoatlas.cli import call
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan.plan import plan
from echoatlas.pipeline.sites.onboarding import check_site
from echoatlas.simulate import make_still, write_png


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "scans").mkdir()
    (tmp_path / "st.yaml").write_text(f"site: st\nbucket: {tmp_path / 'scans'}\n")
    return Deployment.init(tmp_path / "home").root


def test_a_place_with_no_file_is_not_said_to_be_fine(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "add"):
        code = call(["--deployment", str(home), "site", command, str(tmp_path / "st.yaml")])

        told = capsys.readouterr().out
        assert code == 0
        assert f"nothing lies in {tmp_path / 'scans'} yet: is the address right?" in told
        assert "fine" not in told


def test_tables_are_counted_apart_from_files_as_a_plan_does(home: Path, tmp_path: Path) -> None:
    for seed in range(3):
        scan = make_still(seed=seed, fan="convex", size=(200, 150))
        (tmp_path / "scans" / f"{seed}.png").write_bytes(write_png(scan))
    table = "file,patient\n0.png,A\n1.png,B\n2.png,C\n"
    (tmp_path / "scans" / "patients.csv").write_text(table)

    checked = check_site(Deployment.find(home), tmp_path / "st.yaml")
    Deployment.find(home).add_site(checked.site)

    assert (checked.files, checked.beside) == (3, 1)
    assert "3 files and 1 table or mask beside them" in checked.sentence
    assert [site.new_files for site in plan(Deployment.find(home))] == [checked.files]

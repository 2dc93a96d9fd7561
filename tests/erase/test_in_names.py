"""Scans of nobody whose files are called by the id of who leaves: they stay, and it is told."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from echoatlas.simulate import make_still, write_png
from tests.erase.test_restored import scan
from tests.helpers.rehearsal import Rehearsal

NAMES = (
    "u1/7340019/a.png",
    "u1/Doe_0734-0019_2.png",
    "u1/734 0019.png",
    "u1/97340019/other.png",  # of others, as are all that follow
    "u1/734/0020.png",
    "u1/734001.png",
)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    made = Rehearsal(tmp_path_factory.mktemp("full"))
    folder = made.site("here")
    for seed, name in enumerate(NAMES, 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(write_png(make_still(seed=seed, size=(320, 240))))
    (folder / "u1" / "scan.dcm").write_bytes(scan(9, "7340019"))
    (folder / "u1" / "7340019.dcm").write_bytes(scan(10, "55"))  # is told by its header
    made.run("run")
    return made


def asked(there: Rehearsal, *lines: str, name: str = "r1") -> tuple[str, ...]:
    file = there.root / "ids.txt"
    file.write_text("\n".join(lines) + "\n")
    place = ("--patient-ids", str(file), "--report", str(there.root))
    return ("erase", "here", *place, "--request", name)


def test_they_are_told_with_their_pseudonyms_and_go_by_these(
    full: Rehearsal, tmp_path: Path
) -> None:
    there = full.copied(tmp_path)

    would = there.run(*asked(there, "x-1", "7340019"), "--dry-run")[0]
    said = there.here(*asked(there, "7340019"), "--dry-run").stdout
    done = there.run(*asked(there, "7340019"))[0]
    told = would["in_names"]["pseudonyms"]
    more = there.run(*asked(there, "pseudonym,patient_id", *told, ",7340019", name="r2"))[0]

    assert (would["objects"], would["in_names"]["lines"], len(told)) == (1, [2], 3)
    assert "3 scans that name nobody lie under names of files or folders that hold the id" in said
    assert (done["objects"], done["in_names"], done["in_names_objects"]) == (1, [1], 3)
    assert "3 scans that name nobody" in (tmp_path / "erasure-r1.html").read_text()
    assert (more["objects"], more["in_names_objects"]) == (3, 0)
    assert there.run("status")["objects"] == {"kept": 4, "erased": 4}


def test_of_a_bucket_that_is_gone_nothing_is_told(full: Rehearsal, tmp_path: Path) -> None:
    there = full.copied(tmp_path)
    (there.uploads / "here").rename(there.uploads / "gone")

    done = there.run(*asked(there, "7340019"))[0]

    assert (done["objects"], done["in_names"]) == (1, [])


@pytest.mark.parametrize(("who", "found"), [("734", 1), ("u1", 6)])
def test_a_short_id_is_the_whole_name_of_a_file_or_folder(
    full: Rehearsal, tmp_path: Path, who: str, found: int
) -> None:
    there = full.copied(tmp_path)

    would = there.run(*asked(there, who), "--dry-run")[0]

    assert would["in_names"]["objects"] == found


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def still(seed: int) -> bytes:
    return write_png(make_still(seed=seed, size=(320, 240)))


def test_members_of_archives_are_told_as_files_are(tmp_path: Path) -> None:
    there = Rehearsal(tmp_path)
    folder = there.site("here")
    within = zipped({"7340019.png": still(1), "97340019.png": still(2)})
    files = {
        "scans.zip": zipped({"7340019/scan.png": still(3), "7340020/scan.png": still(4)}),
        "more.tgz": tarred({"a/Doe 0734-0019.png": still(5), "a/7340019.dcm": scan(6, "55")}),
        "nested.zip": zipped({"one.zip": within, "mine.dcm": scan(7, "7340019")}),
        "7340019.zip": zipped({"scan.png": still(8)}),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    there.run("run")

    would = there.run(*asked(there, "x-1", "7340019"), "--dry-run")[0]
    (folder / "more.tgz").unlink()
    done = there.run(*asked(there, "7340019"))[0]
    told = would["in_names"]["pseudonyms"]
    more = there.run(*asked(there, "pseudonym,patient_id", *told, ",7340019", name="r2"))[0]

    assert (would["objects"], would["in_names"]["lines"], len(told)) == (1, [2], 4)
    assert (done["objects"], done["in_names"], done["in_names_objects"]) == (1, [1], 3)
    assert (more["objects"], more["in_names_objects"]) == (4, 0)
    assert there.run("status")["objects"] == {"kept": 3, "erased": 5}

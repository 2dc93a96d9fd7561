"""What is asked of a folder by the beginning of its keys is found in few folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.storage.storage import LocalStorage

KEYS = ("a", "tables/frames/1", "tables/frames/2/3", "tables/frames-of-old/1", "tables.txt", "b/c")
PREFIXES = ("", "t", "tables", "tables/", "tables/f", "tables/frames", "tables/frames/",
            "tables/frames/2/3", "tables/frames/1/", "none/", "none/at/all", "tables.txt/",
            "/", "/tables/", "./", "./tables/", "tables//frames/", "tables/../b/",
            "../")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(tmp_path / "folder")
    for key in KEYS:
        storage.write(key, key.encode())
    (tmp_path / "folder/linked").symlink_to(tmp_path / "folder/tables")
    return storage


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_gives_those_of_all_keys_that_begin_with_it(
    folder: LocalStorage, prefix: str
) -> None:
    everything = [entry for entry in folder.list() if entry.key.startswith(prefix)]
    assert list(folder.list(prefix)) == everything
    assert {one.key for one in everything} == {key for key in KEYS if key.startswith(prefix)}


def test_links_to_folders_are_not_followed(folder: LocalStorage) -> None:
    assert not list(folder.list("linked/"))
    assert not list(folder.list("linked/frames/"))


def test_only_the_folder_that_is_named_is_looked_into(
    folder: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: [looked.append(str(path)), scan(path)][1])
    assert [one.key for one in folder.list("tables/frames/2/")] == ["tables/frames/2/3"]
    assert looked == [f"{folder.uri}/tables/frames/2"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for prefix in ("", "tables/"):
        with pytest.raises(UsageError):
            list(LocalStorage(tmp_path / "file").list(prefix))


def test_a_file_in_a_folders_place_is_no_lack_of_permission(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()

    with pytest.raises(UsageError, match="a file lies in a folder's place"):
        LocalStorage(tmp_path / "lake").write("tables/x", b"")

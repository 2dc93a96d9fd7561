"""What file systems, desktops and network drives leave among files: nobody meant to send it."""

from __future__ import annotations

from functools import lru_cache

FOLDERS = frozenset(
    {
        "__macosx",
        ".fseventsd",
        ".spotlight-v100",
        ".trashes",
        "$recycle.bin",
        "@eadir",
        "lost+found",
        "system volume information",
    }
)
FILES = frozenset({".directory", ".ds_store", ".localized", "desktop.ini", "thumbs.db"})
RESOURCE_FORK = "._"  # macOS puts what its file system knows of NAME into ._NAME elsewhere
# Were passed over before members of archives got their numbers, which lakes have kept.
UNNUMBERED = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def is_litter(name: str) -> bool:
    """Whether a file is nobody's scan, by its path; members stand behind their archive's "!"."""
    folder, _, last = name.replace("!", "/").replace("\\", "/").casefold().rpartition("/")
    return last in FILES or last.startswith(RESOURCE_FORK) or _is_litter_folder(folder)


@lru_cache(maxsize=1 << 10)  # files of a folder are listed one after the other
def _is_litter_folder(folder: str) -> bool:
    return not FOLDERS.isdisjoint(folder.split("/"))


def is_unnumbered(name: str) -> bool:
    """Whether a member of an archive has no number among the others, by its path in it."""
    return name.startswith(UNNUMBERED) or name.rsplit("/", 1)[-1] in UNNUMBERED

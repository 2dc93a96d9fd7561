"""What a table calls a file: as much of its path as it cares to give, as its author saw it.

Tables are made on other machines, from other folders and of other copies: their paths may be
absolute, in Windows' manner or decomposed, their letters of another case, their endings those of
another format. A name that fits a file to the letter is its own; only where none does, one that
fits nobody else is taken for it, and what could be several names is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from echoatlas.pipeline.read.headings import LOOKS_LIKE_FILE

ENDING = re.compile(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)  # ".0001" is a number, no format
ROOT = re.compile(r"\s*[\"']?([a-z]:|[a-z]+:/|[/\\])", re.IGNORECASE)
Parts = tuple[str, ...]
MOST_ALIKE = 1000  # files of one name that are told apart by their folders


def written(path: str) -> Parts:
    """Folders and name of a path, composed; without root, drive or steps upward."""
    text = unicodedata.normalize("NFC", path.strip().strip("\"'"))
    parts = re.split(r"[/\\!]", text)
    return tuple(part for part in parts if part not in ("", ".", "..") and part[-1] != ":")


@lru_cache(maxsize=1 << 16)
def folded(parts: Parts) -> Parts:
    """The same in no case."""
    return tuple(unicodedata.normalize("NFC", part.casefold()) for part in parts)


def stem(name: str) -> str:
    """A file's name without its ending."""
    bare = LOOKS_LIKE_FILE.sub("", name)
    return bare if bare != name else ENDING.sub("", name)


def stemmed(parts: Parts) -> Parts:
    """A path without its ending."""
    return (*parts[:-1], stem(parts[-1]))


@dataclass(slots=True)
class Called:
    """The names that a table gives, to be asked which of them is a file's.

    Attributes:
        folder: that the table lies in.
        taken: names that fit some file to the letter: nobody else's.
    """

    folder: Parts
    taken: set[str] = field(default_factory=set)
    _exact: dict[Parts, str] = field(default_factory=dict)
    _alike: tuple[dict[Parts, set[str]], ...] = ()
    _bases: tuple[dict[str, set[str]], ...] = ()

    @staticmethod
    def of(names: Iterable[str], folder: str = "") -> Called:
        """Take all names that stand in a table."""
        found = Called(folded(written(folder)))
        paths = {name: parts for name in names if (parts := written(name))}
        rooted = [folded(parts[:-1]) for name, parts in paths.items() if ROOT.match(name)]
        root = _shared(rooted)
        whole: dict[Parts, set[str]] = {}
        cut: dict[Parts, set[str]] = {}
        bare: dict[Parts, set[str]] = {}
        bare_cut: dict[Parts, set[str]] = {}
        bases: dict[str, set[str]] = {}
        stems: dict[str, set[str]] = {}
        for name, parts in paths.items():
            found._exact.setdefault(parts, name)
            path = folded(parts)
            # The author's own folder, above all that is spoken of, says nothing here
            short = path[root:] if ROOT.match(name) else path
            for known, key in (
                (whole, path),
                (cut, short),
                (bare, stemmed(path)),
                (bare_cut, stemmed(short)),
            ):
                known.setdefault(key, set()).add(name)
            bases.setdefault(path[-1], set()).add(name)
            stems.setdefault(stem(path[-1]), set()).add(name)
        found._alike = whole, cut, bare, bare_cut
        found._bases = bases, stems
        return found

    def take(self, files: Iterable[str]) -> None:
        """See which names fit these files to the letter."""
        self.taken |= {name for file in files if (name := self._own(written(file)))}

    def name_of(self, file: str) -> str | None:
        """The name that means a file; None if none does, or several could.

        Args:
            file: its path, with "/" or "!" between folders and archives.
        """
        parts = written(file)
        return self._own(parts) or self._likely(folded(parts)) if parts else None

    def _own(self, parts: Parts) -> str | None:
        """The longest name that a path ends with, to the letter; with its ending or bare."""
        for path in (parts, stemmed(parts)) if parts else ():
            for start in range(len(path)):
                if name := self._exact.get(path[start:]):
                    return name
        return None

    def _likely(self, path: Parts) -> str | None:
        for known, end in zip(self._alike, (path, path, stemmed(path), stemmed(path)), strict=True):
            for start in range(len(end)):
                if free := known.get(end[start:], set()) - self.taken:
                    return free.pop() if len(free) == 1 else None
        # The table gives more of the path than there is here
        below = path[len(self.folder) :] if path[: len(self.folder)] == self.folder else path
        inside = below[:-1]
        for alike, base in zip(self._bases, (path[-1], stem(path[-1])), strict=True):
            same = alike.get(base, set())
            free = same - self.taken if len(same) <= MOST_ALIKE else set()
            fits = {one for one in free if _ends(folded(written(one))[:-1], inside)}
            if fits:
                return fits.pop() if len(fits) == 1 else None
        return None


def _shared(folders: Sequence[Parts]) -> int:
    """Number of leading parts that all have."""
    if not folders:
        return 0
    low, high = min(folders), max(folders)
    return next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))


def _ends(whole: Parts, end: Parts) -> bool:
    return not end or whole[-len(end) :] == end

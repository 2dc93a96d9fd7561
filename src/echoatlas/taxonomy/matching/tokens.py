"""Texts as words: folded, split, freed of typos. Trusted zone: nothing of a text is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST = 6  # letters from which on one slip is forgiven
CHINESE = "\u3400-\u9fff"
# Letters that no decomposition makes plain.
LETTERS = str.maketrans(
    {"ß": "ss", "\u0131": "i", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O",
     "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)  # fmt: skip
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_WORD = re.compile(rf"[a-z0-9{CHINESE}]")
_LETTERS, _RUN = re.compile(r"[a-z]{3}"), re.compile(r"\d+|[^\d]+")
_TOKEN = re.compile(rf"[a-z0-9]+|[{CHINESE}]+|[^\sa-z0-9{CHINESE}_'’-]")
# German and file names write the examination onto the organ: Schilddrüsensonographie, breastusg.
_EXAM = re.compile(
    r"(?:n|s)?(?:sonogra(?:ph|f)i[ea]n?|sono|ultraschall|usg|ultrasound|scans?|images?|dataset)$"
)


@dataclass(frozen=True, slots=True)
class Words:
    """A text, word by word.

    Attributes:
        words: folded: lower case, without accents; Chinese runs stay whole.
        breaks: places before which the text pauses (comma, bracket, path separator ...).
    """

    words: tuple[str, ...]
    breaks: frozenset[int] = frozenset()


def fold(text: str) -> str:
    """Lower case without accents; compatibility forms (full width, ligatures) made plain."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(LETTERS))
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return bare.lower()


def split(text: str, slashed: Mapping[str, str], known: Collection[str] = ()) -> Words:
    """Tell a text's words apart.

    Args:
        slashed: abbreviations with a slash, and the word that each stands for.
        known: words of the vocabulary, never cut further ("covid19").
    """
    folded = fold(_HUMP.sub(" ", text))
    for short, long in slashed.items():
        folded = re.sub(rf"(?<![a-z0-9]){re.escape(short)}(?![a-z0-9])", f" {long} ", folded)
    words: list[str] = []
    breaks: set[int] = set()
    for token in _TOKEN.findall(folded):
        if _WORD.match(token):
            words += [token] if token in known else _parts(token, known)
        else:
            breaks.add(len(words))
    return Words(tuple(words), frozenset(breaks))


def _parts(token: str, known: Collection[str]) -> list[str]:
    """Numbers cut from words ("liver01"), and examinations from organs ("lebersonographie")."""
    pieces = _RUN.findall(token) if _LETTERS.search(token) else [token]
    cut: list[str] = []
    for piece in pieces:
        exam = _EXAM.search(piece)
        if piece not in known and exam and exam.start() >= 4:
            stem = piece[: exam.start()]
            whole = stem if stem in known else piece[: exam.start()] + piece[exam.start()][:1]
            cut += [whole if whole in known else stem, "ultrasound"]
        else:
            cut.append(piece)
    return cut


class Speller:
    """Puts a misspelled word right where only one thing can be meant.

    One slip is forgiven from six letters on, two from ten on, and two letters that changed places
    from five on. A word that means something by itself comes before one that only occurs in
    longer terms ("extremity").

    Args:
        meanings: single words of the vocabulary, and what each means (any hashable code).
        parts: words that occur in longer terms only.
        known: all words that are right as they are.
    """

    def __init__(
        self, meanings: Mapping[str, str], parts: Collection[str], known: Collection[str]
    ) -> None:
        self._meanings = {word: meaning for word, meaning in meanings.items() if word.isascii()}
        self._choices = sorted(word for word in self._meanings if len(word) >= SHORTEST - 1)
        self._parts = sorted(
            word
            for word in parts
            if word.isascii() and word.isalpha() and len(word) >= SHORTEST - 1
        )
        self._known = known
        self.correct = lru_cache(maxsize=4096)(self._correct)

    def _correct(self, word: str) -> str:
        """The word that was meant, or the word itself."""
        if len(word) < SHORTEST - 1 or word in self._known or not word.isalpha():
            return word
        allowed = 2 if len(word) >= 10 else 1
        # The first letter is seldom wrong, and asking for it leaves "biver" and "river" alone.
        for choices in (self._choices, self._parts):
            near = [choice for choice in choices if choice[0] == word[0]]
            if len(word) < SHORTEST:
                near = [choice for choice in near if sorted(choice) == sorted(word)]
            found = process.extract(
                word, near, scorer=OSA.distance, score_cutoff=allowed, limit=None
            )
            meant = {self._meanings.get(choice, choice) for choice, _, _ in found}
            if found:
                nearest = min(found, key=lambda hit: (hit[1], hit[0]))[0]
                return nearest if len(meant) == 1 else word
        return word

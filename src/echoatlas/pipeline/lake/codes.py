"""Columns of few different texts, as numbers: no text becomes a Python object but once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.lake.growing import grown
from echoatlas.pipeline.lake.join import coded

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TextCodes:
    """n texts.

    Attributes:
        numbers: (n,) the place of each among the distinct. words: these.
    """

    numbers: NDArray[np.int32]
    words: tuple[str, ...]

    @staticmethod
    def of(chunks: Iterable[pa.Array]) -> TextCodes:
        """Texts out of columns without nulls, one after the other."""
        parts = (coded(chunk) for chunk in chunks)
        return TextCodes.joined(
            TextCodes(numbers.astype(np.int32), tuple(words.to_pylist()))
            for numbers, words in parts
        )

    @staticmethod
    def joined(parts: Iterable[TextCodes]) -> TextCodes:
        """Some texts, and then others."""
        words: dict[str, int] = {}

        def numbers() -> Iterator[NDArray[np.int32]]:
            for part in parts:
                there = [words.setdefault(word, len(words)) for word in part.words]
                yield np.array(there, np.int32)[part.numbers]

        return TextCodes(grown(numbers(), np.int32), tuple(words))

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> TextCodes:
        """Some of the texts, by their places or by a mask."""
        return TextCodes(self.numbers[places], self.words)

    def among(self, *texts: str) -> NDArray[np.bool_]:
        """(n,) which are one of some texts."""
        return np.array([word in texts for word in self.words], np.bool_)[self.numbers]

    def counts(self) -> Counter[str]:
        """Each text to how often it stands."""
        found = np.bincount(self.numbers, minlength=len(self.words)).tolist()
        return +Counter(dict(zip(self.words, found, strict=True)))

    def texts(self) -> list[str]:
        """The texts themselves."""
        return [self.words[number] for number in self.numbers.tolist()]

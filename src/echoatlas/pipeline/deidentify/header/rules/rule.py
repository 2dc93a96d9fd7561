"""What a value rule is, and what it may ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echoatlas.pipeline.deidentify.header.policy import Option, Policy
    from echoatlas.pipeline.vault.pseudonyms import SiteKey


LONG_ENOUGH = 6  # digits; shorter numbers occur by chance
SHORT = 10 ** (LONG_ENOUGH - 1)
LONG_NUMBER = re.compile(rf"\d{{{LONG_ENOUGH},64}}")
BETWEEN = re.compile(r"(?<=\d)[ ._/'’,-](?=\d)")  # what groups the digits of a number


@dataclass(slots=True)
class Context:
    """What rules need besides the value. Trusted zone.

    Attributes:
        patient: pseudonym of the patient.
        shift: days by which this patient's dates move.
        describe: finds terms of a closed vocabulary in a text.
        source: the dataset that the value stands in.
        root: the whole header.
        followed: options that made a difference so far.
        numbers: the digits of numbers that identify, as ``significant`` gives them.
    """

    policy: Policy
    key: SiteKey
    patient: str
    shift: int
    describe: Callable[[str], Iterable[str]]
    root: Any
    source: Any
    followed: set[Option] = field(default_factory=set)
    numbers: frozenset[str] = frozenset()

    def tells(self, made: Any) -> bool:
        """Whether what a rule made is a number that identifies, whatever its unit."""
        if not self.numbers:
            return False
        values = made if isinstance(made, list) else [made]
        return any(
            isinstance(one, (int, float))
            and not (one == round(one) and abs(one) < SHORT)
            and significant(one) in self.numbers
            for one in values
        )

    def spells(self, text: str) -> bool:
        """Whether a text has a number in it that identifies."""
        return not self.numbers.isdisjoint(digits_in(text))


def significant(number: float) -> str:
    """The digits of a number, ten at most, without its sign, point and zeros at either end."""
    return f"{abs(number):.9e}".partition("e")[0].replace(".", "").rstrip("0")


def digits_in(text: str) -> Iterator[str]:
    """The numbers in an identifier that are long enough not to be met by chance.

    Behind letters and other digits ("00MRN12345678"), and with digits grouped ("123 456 789").
    """
    for run in {*LONG_NUMBER.findall(text), *LONG_NUMBER.findall(BETWEEN.sub("", text))}:
        if len(told := significant(int(run))) >= LONG_ENOUGH:
            yield told


Apply = Callable[[Any, Context], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A value rule.

    Attributes:
        sentence: what it does, after "PatientID: ".
        apply: from the value to the new one, or None when nothing may leave.
        action: PS3.15 action that it amounts to: K, C, D, U or Z.
        needs: the option that has to be on; off, the attribute is not allowed at all.
        dummy: stands in where the IOD demands a value and none may leave.
    """

    sentence: str
    apply: Apply
    action: str = "K"
    needs: Option | None = None
    dummy: Any = None

    def under(self, option: Option) -> Rule:
        """The same rule, allowed only when an option is on."""
        return replace(self, needs=option)

    def or_else(self, dummy: Any) -> Rule:
        """The same rule, with a value for where the IOD demands one."""
        return replace(self, dummy=dummy)

"""What a run did, in numbers, and why it did not end well if it did not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from echoatlas.pipeline.errors import CheckFailed, EchoAtlasError
from echoatlas.pipeline.run.conservation import Balance
from echoatlas.wording import number_of


@dataclass(slots=True)
class Summary:
    """What a run did, in numbers."""

    run_id: str
    named: int = 0
    waiting: int = 0
    differing: int = 0
    objects: int = 0
    reread: int = 0
    frames: int = 0
    repeats: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    step_seconds: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    gate: list[tuple[str, bool, str]] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlisted: dict[str, EchoAtlasError] = field(default_factory=dict)
    balance: Balance = field(default_factory=Balance)
    erasure: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> list[str]:
        """Why the run did not end well, in words; empty when it did."""
        reasons = [self.erasure] if self.erasure else []
        reasons += self.balance.faults
        reasons += [f"site '{site}' was left out: {why}" for site, why in self.unlisted.items()]
        reasons += self.held_back
        reasons += self.held
        if self.crashes:
            reasons.append(
                f"{number_of(len(self.crashes), 'object')} crashed, first: {self.crashes[0]}"
            )
        return reasons


def must_hold(summary: Summary) -> None:
    """Raise what was wrong with a run.

    Raises:
        CheckFailed: with the first reason.
    """
    if summary.failed:
        raise CheckFailed(f"the run did not end well: {summary.failed[0]}")

"""Find the vocabulary's terms in a text: longest first, word by word, in seven languages.

All terms are sought in one pass (Aho and Corasick 1975, by pyahocorasick); Chinese, which has no
word boundaries, in a second one. What a context word takes back ("no thyroid") is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import ahocorasick

from echoatlas.taxonomy.matching.rules import Rule, anatomy_rules, axis_rules, context
from echoatlas.taxonomy.matching.tokens import CHINESE, Speller, Words, split

REACH_BEFORE = 5  # words that a word of negation reaches forward
REACH_AFTER = 4  # and one that follows reaches back


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that a text speaks of.

    Attributes:
        corrected: a typo was put right to find it.
        start, end: its words, half open.
    """

    rule: Rule
    corrected: bool
    start: int
    end: int


class Matcher:
    """Seeks the terms of a set of rules. Built once, then read only."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._context = context()
        self._latin = ahocorasick.Automaton()
        self._chinese = ahocorasick.Automaton()
        meanings: dict[str, str] = {}
        parts: set[str] = set()
        known = set(self._context.no_typos)
        for rule in rules:
            for term in rule.words:
                words = split(term, {}).words
                if re.search(f"[{CHINESE}]", term):
                    self._chinese.add_word("".join(words), (rule, len("".join(words))))
                    continue
                self._latin.add_word(f" {' '.join(words)} ", (rule, len(words)))
                known.update(words)
                if len(words) > 1:
                    parts.update(words)
                elif not rule.exact:
                    meanings[words[0]] = rule.node or rule.id
        for cue in (*self._context.before, *self._context.after):
            known.update(cue.split())
        self._known = frozenset(known)
        self._latin.make_automaton()
        self._chinese.make_automaton()
        self._speller = Speller(meanings, parts - meanings.keys(), self._known)

    def find(self, text: str) -> list[Match]:
        """What a text speaks of, shields and denied terms left out, in order of the text."""
        read = split(text, self._context.slashed, self._known)
        words = tuple(self._speller.correct(word) for word in read.words)
        spans = _longest(self._spans(words))
        denied = self._denied(Words(words, read.breaks))
        found = [
            Match(rule, words[start:end] != read.words[start:end], start, end)
            for start, end, rule in spans
            if rule.axis != "shield" and not denied & set(range(start, end))
        ]
        return [*found, *self._find_chinese(read)]

    def _spans(self, words: tuple[str, ...]) -> list[tuple[int, int, Rule]]:
        line = f" {' '.join(words)} "
        place = {}
        at = 0
        for number, word in enumerate(words):
            place[at] = number
            at += len(word) + 1
        spans = []
        for last, (rule, count) in self._latin.iter(line):
            ends = line.count(" ", 0, last)
            spans.append((ends - count, ends, rule))
        return spans

    def _denied(self, read: Words) -> set[int]:
        """Places of words that a context word takes back."""
        denied: set[int] = set()
        count = len(read.words)
        for cue in self._context.before:
            for _, end in _occurrences(read.words, cue):
                for place in range(end, min(end + REACH_BEFORE, count)):
                    if place in read.breaks or read.words[place] in ("but", "aber", "mais", "ma"):
                        break
                    denied.add(place)
        for cue in self._context.after:
            for start, _ in _occurrences(read.words, cue):
                for place in range(start - 1, max(start - 1 - REACH_AFTER, -1), -1):
                    if place + 1 in read.breaks:
                        break
                    denied.add(place)
        return denied

    def _find_chinese(self, read: Words) -> list[Match]:
        matches = []
        for number, word in enumerate(read.words):
            if not re.match(f"[{CHINESE}]", word):
                continue
            spans = [
                (last + 1 - length, last + 1, rule)
                for last, (rule, length) in self._chinese.iter(word)
            ]
            matches += [
                Match(rule, False, number, number + 1)
                for start, _, rule in _longest(spans)
                if not word[:start].endswith(self._context.before_zh)
            ]
        return matches


def _occurrences(words: tuple[str, ...], cue: str) -> list[tuple[int, int]]:
    parts = tuple(cue.split())
    size = len(parts)
    return [
        (at, at + size) for at in range(len(words) - size + 1) if words[at : at + size] == parts
    ]


def _longest(spans: list[tuple[int, int, Rule]]) -> list[tuple[int, int, Rule]]:
    """The longest spans that don't overlap others, in order; equal ones of several rules stay."""
    kept: list[tuple[int, int, Rule]] = []
    for start, end, rule in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        clash = any(s < end and start < e and (s, e) != (start, end) for s, e, _ in kept)
        if not clash:
            kept.append((start, end, rule))
    return sorted(kept, key=lambda span: (span[0], span[1]))


@cache
def anatomy() -> Matcher:
    """Seeks anatomy."""
    return Matcher(anatomy_rules())


@cache
def axes() -> Matcher:
    """Seeks laterality, application, mode, subject and view."""
    return Matcher(axis_rules())

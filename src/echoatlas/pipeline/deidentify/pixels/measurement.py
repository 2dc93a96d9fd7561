"""Which lines of text are measurements and nothing else: what a site's policy may leave standing.

A closed grammar, as names and numbers of patients can look like anything: each number has a unit
or stands behind a label that has none, and what is left over makes the whole line text.
"""

from __future__ import annotations

import re
import unicodedata

# What scanners write before a value; labels of echocardiography end in d or s for the phase.
LABELS = (
    "dist", "d", "length", "l", "width", "w", "height", "h", "depth", "diam", "dia", "area", "a",
    "circ", "c", "vol", "v", "angle", "time", "imt", "bpd", "ofd", "hc", "ac", "apad", "tad", "fl",
    "hl", "crl", "nt", "gs", "ys", "efw", "afi", "ef", "fs", "lvidd", "lvids", "ivsd", "ivss",
    "lvpwd", "lvpws", "lvot", "ao", "la", "rv", "tapse", "hr", "ps", "psv", "ed", "edv", "md",
    "tamax", "vmax", "vmin", "vmean", "pgmax", "pgmean", "maxpg", "meanpg",
)  # fmt: skip
RATIOS = ("ri", "pi", "s/d", "ti", "tis", "tib", "tic", "mi", "e/a", "ao/la", "la/ao")
# No unit of one letter: with it, initials behind a year would be a length.
UNITS = (
    "mm", "cm", "mm2", "cm2", "mm3", "cm3", "ml", "cc", "mm/s", "cm/s", "m/s", "cm/s2", "m/s2",
    "mmhg", "bpm", "hz", "khz", "mhz", "db", "%", "deg", "°", "ms", "kpa", "fps",
)  # fmt: skip
MARK = r"(?:[+x*×](?:[0-9][:.]?\s|\s?)|[0-9][:.]?\s)?"  # of the caliper, "+1"
NUMBER = r"[-~]?[0-9]{1,3}(?:[.,][0-9]{1,3})?[.]?"  # a speck is at times read as a point
RATIO = r"[0-9]{1,2}[.,][0-9]{1,2}"


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


ITEM = (
    rf"{MARK}(?:(?:(?:{_any(LABELS)})[0-9]?\s?[:=]?\s?)?{NUMBER}\s?(?:{_any(UNITS)})"
    rf"|(?:{_any(RATIOS)})\s?[:=<]?\s?{RATIO})"
)
LINE = re.compile(rf"{ITEM}(?:[\s,;/]{{1,2}}{ITEM}){{0,5}}")


def is_measurement(text: str) -> bool:
    """Whether a line says measurements and nothing else."""
    plain = unicodedata.normalize("NFKC", text).replace("^", "").strip().casefold()
    return LINE.fullmatch(plain) is not None

"""Value rules: what may become of an attribute's value. Each is a callable and a sentence.

A rule never lets a value through because it looks harmless: it builds a new one from a closed
vocabulary, a code, a number, a shifted date or a mapped UID, or it gives nothing.
"""

from echoatlas.pipeline.deidentify.header.rules.identifiers import pseudonym, standard_uid, uid
from echoatlas.pipeline.deidentify.header.rules.numbers import (
    lookup_table,
    mask,
    number,
    pointers,
    whole,
)
from echoatlas.pipeline.deidentify.header.rules.rule import Context, Rule, digits_in, significant
from echoatlas.pipeline.deidentify.header.rules.structure import codes, content, items
from echoatlas.pipeline.deidentify.header.rules.times import (
    AGE,
    DAY,
    OLDEST,
    YEARS,
    age,
    day,
    moment,
    time,
)
from echoatlas.pipeline.deidentify.header.rules.words import (
    characteristic,
    closed,
    constant,
    described,
    empty,
    image_type,
    stated,
    terms,
    volume_type,
)

__all__ = [
    "AGE",
    "DAY",
    "OLDEST",
    "YEARS",
    "Context",
    "Rule",
    "age",
    "characteristic",
    "closed",
    "codes",
    "constant",
    "content",
    "day",
    "described",
    "digits_in",
    "empty",
    "image_type",
    "items",
    "lookup_table",
    "mask",
    "moment",
    "number",
    "pointers",
    "pseudonym",
    "significant",
    "standard_uid",
    "stated",
    "terms",
    "time",
    "uid",
    "volume_type",
    "whole",
]

"""Adapters of public collections: what their folders and file names say, as data.

One YAML a collection, named as a site's config names it (``collection: busi``). Facts are of the
``sources`` that each file lists; fields that could not be checked against one are in
``uncertain``. Nothing here downloads anything.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from echoatlas.errors import ConfigError, nearest
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.study_table import StudyTable
from echoatlas.schemas.packaged import packaged
from echoatlas.schemas.strict import Slug, Strict
from echoatlas.schemas.values import Subject
from echoatlas.taxonomy.collections.annotations import Mask, Pattern, Table, split_code
from echoatlas.taxonomy.tree import tree

# Groups of a pattern that mean something to others; the rest only help to tell paths apart.
MEANINGS = ("patient", "class", "split", "view", "laterality")
# What says nothing of frames and annotations: organs, which are evidence, and words about itself.
ABOUT: Any = {
    **dict.fromkeys(
        ("title", "url", "citation", "license", "countries", "devices", "organs", "also",
         "class_organs", "split", "defects", "sources", "uncertain", "example",
         "measurements"), True
    ),
    "layout": {"__all__": {"organ"}},
}  # fmt: skip
IMAGE, UNLISTED = "image", "unlisted"
SUFFIX = re.compile(r"(\.nii\.gz|\.[A-Za-z0-9]{1,5})$")


class Layout(Strict):
    """What a path of the collection is, told by a regular expression that is searched in it."""

    path: Pattern = Field(description="Named groups: patient, class, split, view, laterality.")
    role: Literal["image", "mask", "table", "ignore"] = Field("image", description="What it is.")
    organ: str | None = Field(None, description="Path of the tree, where the folder tells.")
    subject: Subject | None = Field(None, description="Where it differs from the collection's.")
    values: dict[str, str] = Field(default_factory=dict, description="Said by the match itself.")
    key: str = Field(
        "{stem}",
        description="Ties masks to pictures with the same key; {stem}, {folder}, {above} and the "
        "path's groups stand in it.",
    )
    mask: Mask = Mask()

    @field_validator("path")
    @classmethod
    def compiles(cls, pattern: str) -> str:
        re.compile(pattern)
        return pattern

    @model_validator(mode="after")
    def key_of_groups(self) -> Layout:
        known = {"stem", "folder", "above", *re.compile(self.path).groupindex, *self.values}
        for _, field, _, _ in string.Formatter().parse(self.key):
            if field is not None and field not in known:
                raise ValueError(f"key: '{field}' is no group of the path")
        return self

    @property
    def says_mask(self) -> bool:
        """Whether it says itself what a mask's values mean."""
        return "mask" in self.model_fields_set

    def tie(self, path: str, match: re.Match[str]) -> str:
        """The key of a path that the rule matched."""
        above, folder, file = ["", "", *path.split("/")][-3:]
        parts = {key: text or "" for key, text in match.groupdict().items()} | self.values
        parts |= {"stem": SUFFIX.sub("", file), "folder": folder, "above": above}
        return self.key.format_map(parts).lower()


class Collection(Strict):
    """A public collection of ultrasound scans, and how to read its layout."""

    name: Slug = Field(description="As a site's file names it.")
    title: str = Field(description="As its authors call it.")
    url: str = Field(description="Where it can be had.")
    citation: str = Field("", description="What its authors ask to be cited.")
    license: str = Field("unknown", description="SPDX id, or words.")
    countries: tuple[str, ...] = Field((), description="ISO 3166-1 alpha-2.")
    devices: tuple[str, ...] = Field((), description="Models, as in the vocabulary of devices.")
    subject: Subject = Field("human", description="What was scanned.")
    organs: tuple[str, ...] = Field(description="Paths of the tree; several: one of these.")
    also: tuple[str, ...] = Field((), description="Paths that each picture shows besides.")
    layout: tuple[Layout, ...] = Field(description="The first that matches a path speaks of it.")
    classes: dict[str, str] = Field(default_factory=dict, description="As written, to a name.")
    class_organs: dict[str, str] = Field(default_factory=dict, description="Class to path.")
    tables: tuple[Table, ...] = Field((), description="What its tables say.")
    measurements: tuple[StudyTable, ...] = Field(
        (), description="Its tables of structured measurements of studies."
    )
    finding: str = Field("class", description="What the classes are about, a code.")
    split: str = Field("", description="The split that its authors made, in words.")
    defects: tuple[str, ...] = Field((), description="What is known to be wrong with it, in words.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where the facts stand.")
    uncertain: tuple[str, ...] = Field((), description="Fields that no source was read for.")
    example: dict[str, dict[str, str]] = Field(description="Paths, and what is said of each.")

    @model_validator(mode="after")
    def of_the_tree(self) -> Collection:
        told = [*self.organs, *self.also, *self.class_organs.values()]
        told += [rule.organ for rule in self.layout if rule.organ]
        unknown = [path for path in told if path not in tree()]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is no path of the tree")
        strange = set(self.uncertain) - set(type(self).model_fields)
        if strange:
            raise ValueError(f"'{min(strange)}' is no field")
        return self

    def origin_rules(self, name: str) -> dict[str, str]:
        """What the path of a file says of it, as columns that a sidecar could have had.

        Args:
            name: path below the site's prefix; for a member of an archive with "!" between.

        Returns:
            ``role`` ("image", "mask", "table", "ignore", or "unlisted" where no rule matches),
            ``subject``, ``organ`` (paths, separated by blanks: one of these), ``also``, and
            whatever the rule's groups and values say: patient, class, split, view, laterality.
        """
        path = plain(name)
        found = self._rule(path)
        if found is None:
            return {"role": UNLISTED, "subject": self.subject, "organ": " ".join(self.organs)}
        rule, match = found
        groups = {key: text for key, text in match.groupdict().items() if text is not None}
        said = {key: groups[key] for key in MEANINGS if key in groups} | rule.values
        said |= {"role": rule.role, "subject": rule.subject or self.subject}
        said |= {"also": " ".join(self.also)} if self.also else {}
        return self._classed(said, rule.organ)

    def facts(self, name: str, row: Mapping[str, str]) -> dict[str, str]:
        """What path and tables together say of a file; what the path says comes first, but for the
        class, which a table states and a path only hints at.

        Args:
            row: what the collection's tables say of it, all columns.

        Returns:
            As ``origin_rules``; and ``mm_per_px``. The split is one of few words or absent.
        """
        path = plain(name)
        said = self.origin_rules(path)
        told: dict[str, str] = {}
        for table in self.tables:
            if table.speaks_of(path):
                told = {**table.facts(row), **told}
        found = self._rule(path)
        if "class" in told:
            said = self._classed(
                {**said, "class": told["class"]}, found[0].organ if found else None
            )
        said = {**told, **said}
        split = split_code(said.pop("split", ""))
        return said | ({"split": split} if split else {})

    def role(self, name: str) -> str:
        """What a path is: "image", "mask", "table", "ignore" or "unlisted"."""
        found = self._rule(plain(name))
        return found[0].role if found else UNLISTED

    def tie(self, name: str) -> tuple[Layout, str] | None:
        """The rule that matches a path, and the key that ties it to others; None if unlisted."""
        path = plain(name)
        found = self._rule(path)
        return (found[0], found[0].tie(path, found[1])) if found else None

    def mask_within(self, name: str) -> tuple[Mask, str] | None:
        """What a mask within a picture's own file means, where the path's rule says so, and who
        says it."""
        found = self._rule(plain(name))
        return (found[0].mask, self.name) if found and found[0].says_mask else None

    @property
    def digest(self) -> str:
        """16 hex digits over all that it says: evidence that is read by it depends on this."""
        return _digest(self.model_dump_json())

    @property
    def digest_of_frames(self) -> str:
        """16 hex digits over what it says but for organs and words about itself: frames and
        annotations depend on this."""
        return _digest(self.model_dump_json(exclude=ABOUT))

    def _rule(self, path: str) -> tuple[Layout, re.Match[str]] | None:
        for rule in self.layout:
            if match := re.search(rule.path, path):
                return rule, match
        return None

    def _classed(self, said: dict[str, str], organ: str | None) -> dict[str, str]:
        raw = said.get("class", "")
        folded = {key.lower(): key for key in self.classes}
        written = raw if raw in self.classes else folded.get(raw.lower(), raw)
        if raw:
            said["class"] = self.classes.get(written, raw)
        said["organ"] = organ or self.class_organs.get(written) or " ".join(self.organs)
        return said


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(name: str) -> str:
    """A file's name as a path: members of archives as files of a folder."""
    return name.replace("!", "/").replace("\\", "/")


def names() -> tuple[str, ...]:
    """All adapters, in order of their names."""
    folder = files("echoatlas.taxonomy.collections")
    return tuple(
        sorted(
            item.name.removesuffix(".yaml")
            for item in folder.iterdir()
            if item.name.endswith(".yaml")
        )
    )


@cache
def load(name: str) -> Collection:
    """The adapter of a collection.

    Raises:
        ConfigError: there is none of that name; says which is nearest.
    """
    if name not in names():
        raise ConfigError(f"no collection '{name}'{nearest(name, names())}")
    plain = packaged("echoatlas.taxonomy.collections", f"{name}.yaml")
    return parse(Collection, plain, f"collections/{name}.yaml")

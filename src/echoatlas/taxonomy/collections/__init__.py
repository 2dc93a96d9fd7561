"""Adapters of public collections: what their folders and file names say, as data.

One YAML a collection, named as a site's config names it (``collection: busi``). Facts are of the
``sources`` that each file lists; fields that could not be checked against one are in
``uncertain``. Nothing here downloads anything.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import Field, StringConstraints, field_validator, model_validator

from echoatlas.schemas.config import ConfigError, Slug, Strict, parse
from echoatlas.taxonomy.tree import tree

Subject = Literal["human", "animal", "phantom", "simulated"]
Pattern = Annotated[str, StringConstraints(min_length=2)]
# Groups of a pattern that mean something to others; the rest only help to tell paths apart.
MEANINGS = ("patient", "class", "split", "view", "laterality")


class Layout(Strict):
    """What a path of the collection is, told by a regular expression that is searched in it."""

    path: Pattern = Field(description="Named groups: patient, class, split, view, laterality.")
    role: Literal["image", "mask", "table", "ignore"] = Field("image", description="What it is.")
    organ: str | None = Field(None, description="Path of the tree, where the folder tells.")
    subject: Subject | None = Field(None, description="Where it differs from the collection's.")
    values: dict[str, str] = Field(default_factory=dict, description="Said by the match itself.")

    @field_validator("path")
    @classmethod
    def compiles(cls, pattern: str) -> str:
        re.compile(pattern)
        return pattern


class Collection(Strict):
    """A public collection of ultrasound scans, and how to read its layout."""

    name: Slug
    title: str
    url: str
    citation: str = ""
    license: str = Field("unknown", description="SPDX id, or words.")
    countries: tuple[str, ...] = Field((), description="ISO 3166-1 alpha-2.")
    devices: tuple[str, ...] = Field((), description="Models, as in the vocabulary of devices.")
    subject: Subject = "human"
    organs: tuple[str, ...] = Field(description="Paths of the tree; several: one of these.")
    also: tuple[str, ...] = Field((), description="Paths that each picture shows besides.")
    layout: tuple[Layout, ...] = Field(description="The first that matches a path speaks of it.")
    classes: dict[str, str] = Field(default_factory=dict, description="As written, to a name.")
    class_organs: dict[str, str] = Field(default_factory=dict, description="Class to path.")
    split: str = Field("", description="The split that its authors made, in words.")
    defects: tuple[str, ...] = ()
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
        path = name.replace("!", "/").replace("\\", "/")
        for rule in self.layout:
            if match := re.search(rule.path, path):
                return self._said(rule, match)
        return {"role": "unlisted", "subject": self.subject, "organ": " ".join(self.organs)}

    def _said(self, rule: Layout, match: re.Match[str]) -> dict[str, str]:
        groups = {key: text for key, text in match.groupdict().items() if text is not None}
        said = {key: groups[key] for key in MEANINGS if key in groups} | rule.values
        raw = said.get("class", "")
        folded = {key.lower(): key for key in self.classes}
        written = raw if raw in self.classes else folded.get(raw.lower(), raw)
        if raw:
            said["class"] = self.classes.get(written, raw)
        organ = rule.organ or self.class_organs.get(written) or " ".join(self.organs)
        said |= {"role": rule.role, "subject": rule.subject or self.subject, "organ": organ}
        return said | ({"also": " ".join(self.also)} if self.also else {})


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
        near = get_close_matches(name, names(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"no collection '{name}'{hint}")
    text = files("echoatlas.taxonomy.collections").joinpath(f"{name}.yaml").read_text("utf-8")
    return parse(Collection, yaml.safe_load(text), f"collections/{name}.yaml")

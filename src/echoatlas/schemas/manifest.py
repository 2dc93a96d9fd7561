"""The manifest of a release: what is published of it, typed. It never changes once it is there.

Plain dataclasses, as trainers read it who have no use for a library that validates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echoatlas.errors import CheckFailed, UsageError
from echoatlas.wording import number_of

FORMAT = 2  # of the manifests that are written now; 0 stands for those of before formats


@dataclass(frozen=True, slots=True)
class PublishedShard:
    """A tar file of samples.

    Attributes:
        file: its key beside all releases. bytes: its size.
        samples: of this release that lie in it.
        split: of all these; None if they are of several: in a release of before shards ended at
            splits, or in one that was split anew over shards that lay there.
        held: samples that lie in it, those that this release leaves out among them.
        origin: the release that it was cut for.
    """

    file: str
    sha256: str
    bytes: int
    samples: int
    split: str | None
    held: int
    origin: str


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file beside the manifest, named by its hash."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """What was asked for, as far as readers of a release need it; see ``ReleaseConfig``."""

    where: str
    codec: str
    shard_mb: int
    splits: Mapping[str, float]
    duplicates: str
    nameless: str
    min_k: int
    unit: str
    size: str


@dataclass(frozen=True, slots=True)
class Ties:
    """How many patients stay together with others, in how many groups."""

    groups: int
    patients: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What was suppressed so that patients share what is said of them; see ``Suppressed``."""

    k: int
    decades: bool
    blanked: Mapping[str, int]
    left_out: int


@dataclass(frozen=True, slots=True)
class Redacts:
    """The release that another took the place of, and how many frames were taken out of it."""

    release: str
    frames: int


@dataclass(frozen=True, slots=True)
class Sides:
    """How the splits came about; see ``Dealt``.

    Attributes:
        groups: of patients whom anything ties. as_before: as earlier releases had them.
        moved: patients whom an earlier release had in another split; see ``MovedSince``.
        native_honored, native_conflicts: groups as collections split them, and in several splits.
        strata: sites, regions and organs with groups enough for all splits.
        largest_departure: of a stratum's share of patients from what was asked.
        lacking: strata of these that lack a split.
    """

    groups: int
    patients_of_largest: int
    as_before: int
    moved: int
    native_honored: int
    native_conflicts: int
    strata: int
    largest_departure: float
    lacking: list[str]


@dataclass(frozen=True, slots=True)
class MovedSince:
    """How many patients stand in another split than an earlier release has them in.

    Attributes:
        release: the newest that has them, of those that nobody deprecated.
        moved: patients. of: all whom both releases have.
        why: by which rule.
    """

    release: str
    moved: int
    of: int
    why: str

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"in another split than in {self.release}: {self.moved} of "
            f"{number_of(self.of, 'patient')} who are in both ({self.why})"
        )


@dataclass(frozen=True, slots=True)
class WithoutSet:
    """What a release goes without for an evaluation set; see ``LeftOut``."""

    name: str
    digest: str
    size: int
    near: int
    undecided: int
    frames: int
    clips: int
    patients: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release says of itself.

    Attributes:
        format: 0 of releases of before it was told.
        version: of EchoAtlas. tree: hash of the label tree. tables: to their pinned versions.
        samples: rows of the index: frames, or clips. frames: in all of them.
        places: where each sample lies, as an array; None in releases of before format 2, whose
            index says so. files: which files made up the tables; None as well.
        splits: their names, by the number that stands in ``places``. labels: region, organ and
            paths, by that number.
        nameless, tied, anonymity: None in releases of before they were measured.
        masks: of the sample that has most of them.
        sides: None in releases of before splits were dealt by strata.
        moved_since: earlier releases that have patients in other splits, the newest first.
        without: evaluation sets that it goes without.
        counts: column to value to samples.
        population: kind to value to numbers of patients, studies, clips and frames; empty in
            releases of before it was counted.
        redacts: None but of a release that an erasure made of another.
        published: all of it, word for word.
    """

    format: int
    name: str
    version: str
    created: str
    config: PublishedConfig
    tables: Mapping[str, int]
    tree: str
    samples: int
    frames: int
    patients: int
    index: PublishedFile
    places: PublishedFile | None
    files: PublishedFile | None
    splits: tuple[str, ...]
    labels: tuple[tuple[str, str, str], ...]
    shards: tuple[PublishedShard, ...]
    counts: Mapping[str, Mapping[str, int]]
    population: Mapping[str, Mapping[str, Mapping[str, int]]]
    nameless: int | None
    tied: Ties | None
    anonymity: Hidden | None
    masks: int
    redacts: Redacts | None
    sides: Sides | None
    moved_since: tuple[MovedSince, ...]
    without: tuple[WithoutSet, ...]
    published: dict[str, Any] = field(repr=False)

    @property
    def image_codec(self) -> str:
        """Of the samples in its shards: ``clip``, or that of its frames."""
        return "clip" if self.config.unit == "clip" else self.config.codec

    @classmethod
    def of(cls, published: Any, name: str) -> Manifest:
        """A manifest as it was published, of any format up to today's.

        Args:
            name: of the release, for messages.

        Raises:
            UsageError: it is of a format that only a newer EchoAtlas knows.
            CheckFailed: it is no manifest.
        """
        try:
            number = int(published.get("format", 0))
            if number > FORMAT:
                raise UsageError(
                    f"release '{name}' is of format {number}, and this EchoAtlas knows {FORMAT}: "
                    f"install echoatlas {published.get('version', '')}".rstrip()
                )
            return cls._of(published, number)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise damaged_manifest(name) from None

    @classmethod
    def _of(cls, told: dict[str, Any], number: int) -> Manifest:
        config = told["config"]
        tied, hidden = told.get("tied"), told.get("anonymity")
        redacts = told.get("redacts")
        return cls(
            format=number,
            name=told["name"],
            version=told["version"],
            created=told["created"],
            config=PublishedConfig(
                where=config["where"],
                codec=config["codec"],
                shard_mb=config["shard_mb"],
                splits=config["splits"],
                duplicates=config["duplicates"],
                nameless=config.get("nameless", "keep"),
                min_k=config.get("min_k", 1),
                unit=config.get("unit", "frame"),
                size=config.get("size", "normalized"),
            ),
            tables=told["tables"],
            tree=told["tree"],
            samples=told.get("samples", told["frames"]),
            frames=told["frames"],
            patients=told["patients"],
            index=PublishedFile(told["index"]["file"], told["index"]["sha256"]),
            places=_file(told.get("places")),
            files=_file(told.get("files")),
            splits=tuple(told.get("splits", config["splits"])),
            labels=tuple((one[0], one[1], one[2]) for one in told.get("labels", ())),
            shards=tuple(_shard(one, told["name"]) for one in told["shards"]),
            counts=told["counts"],
            population=told.get("population", {}),
            nameless=told.get("nameless"),
            tied=None if tied is None else Ties(tied["groups"], tied["patients"]),
            anonymity=None
            if hidden is None
            else Hidden(hidden["k"], hidden["decades"], hidden["blanked"], hidden["left_out"]),
            masks=told.get("masks", 0),
            redacts=None if redacts is None else Redacts(**redacts),
            sides=Sides(**told["split"]) if "split" in told else None,
            moved_since=tuple(MovedSince(**one) for one in told.get("moved_since", ())),
            without=tuple(WithoutSet(**one) for one in told.get("without", ())),
            published=told,
        )


def damaged_manifest(name: str) -> CheckFailed:
    """The error for a release whose manifest is none, and what to do about it."""
    return CheckFailed(
        f"the manifest of release '{name}' is damaged: put back the manifest.json of a backup or "
        "of a folder that it was pulled to"
    )


def _file(told: dict[str, Any] | None) -> PublishedFile | None:
    return None if told is None else PublishedFile(told["file"], told["sha256"])


def _shard(told: dict[str, Any], release: str) -> PublishedShard:
    return PublishedShard(
        file=told["file"],
        sha256=told["sha256"],
        bytes=told["bytes"],
        samples=told["samples"],
        split=told.get("split"),
        held=told.get("held", told["samples"]),
        origin=told.get("origin", release),
    )

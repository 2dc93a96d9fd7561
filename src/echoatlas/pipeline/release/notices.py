"""What is said of a release after it was published: that another should take its place, and why.

A manifest never changes. A notice is an object of its own beside it, ``NAME/notice-0001.json``,
written with a conditional put and never altered; the last one stands. ``deprecated`` warns whoever
opens the release. ``redacted`` says that samples were taken out for good: the release is gone, and
who asks for it is given its successor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.manifest import MANIFEST, manifest_of, names

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

PREFIX = "notice-"
DEPRECATED, REDACTED = "deprecated", "redacted"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said of a release.

    Attributes:
        kind: deprecated or redacted.
        why: a sentence for people.
        successor: name of the release to use instead, or empty.
        created: ISO 8601, UTC.
        withdrawn: names of shards and indexes that hold what was taken out: copies of them, in
            caches and elsewhere, are to be deleted.
        damaged: shards that were no more what was published, so that all in them had to go.
    """

    kind: str
    why: str
    successor: str
    created: str
    withdrawn: tuple[str, ...] = ()
    damaged: int = 0

    def of(self, name: str) -> str:
        """The sentence that whoever opens the release reads."""
        instead = f": use {self.successor}" if self.successor else ""
        return f"release {name} is {self.kind} ({self.why}){instead}"


def notices(releases: Storage, name: str) -> list[Notice]:
    """All that was said of a release, in order.

    Raises:
        CheckFailed: a notice is damaged; it might be one that forbids the release.
    """
    folder = releases.sub(name)
    found = []
    for entry in folder.list(PREFIX):
        try:
            told = json.loads(folder.read(entry.key))
            found.append(Notice(**{**told, "withdrawn": tuple(told["withdrawn"])}))
        except (ValueError, TypeError, KeyError):
            raise CheckFailed(f"a notice beside release '{name}' is damaged") from None
    return found


def notice_of(releases: Storage, name: str) -> Notice | None:
    """What stands of a release: its redaction, which nothing undoes, else the last notice; else the
    last word of warning about the release in whose place it came."""
    found = notices(releases, name)
    if not found:
        return _inherited(releases, name)
    return next((one for one in found if one.kind == REDACTED), found[-1])


def _inherited(releases: Storage, name: str) -> Notice | None:
    """What warned of a release before it was redacted holds for what is left of it."""
    while releases.exists(f"{name}/{MANIFEST}"):
        before = manifest_of(releases, name).redacts
        if before is None:
            return None
        name = before.release
        said = [one for one in notices(releases, name) if one.kind == DEPRECATED]
        if said:
            return said[-1]
    return None


def living_names(releases: Storage) -> list[str]:
    """Names of the releases that were not redacted, in order."""
    return [one for one in names(releases) if not is_redacted(releases, one)]


def cut_at(releases: Storage, manifest: Manifest) -> str:
    """When what a release holds was cut: one that followed a redaction is no newer than that which
    it took the place of."""
    while manifest.redacts is not None:
        manifest = manifest_of(releases, manifest.redacts.release)
    return manifest.created


def is_redacted(releases: Storage, name: str) -> bool:
    """Whether samples were taken out of a release for good."""
    return any(one.kind == REDACTED for one in notices(releases, name))


def published(releases: Storage) -> tuple[list[tuple[Manifest, Notice | None]], list[str]]:
    """All releases that can be read, in order, each with what stands of it; and what is wrong with
    the others, a sentence for each."""
    found, wrong = [], []
    for name in names(releases):
        try:
            found.append((manifest_of(releases, name), notice_of(releases, name)))
        except (CheckFailed, UsageError) as error:
            wrong.append(str(error))
    return found, list(dict.fromkeys(wrong))


def living(releases: Storage, name: str, tell: Tell) -> Manifest:
    """The manifest of a release, or of that which took its place where it was redacted.

    Args:
        tell: is given a sentence for each notice on the way.

    Raises:
        UsageError: there is no release of that name, or what was redacted has no successor.
    """
    asked = name
    for _ in range(1000):  # a chain of notices that is no circle ends long before
        manifest = manifest_of(releases, name)
        notice = notice_of(releases, name)
        if notice is None:
            return manifest
        if notice.kind != REDACTED:
            tell(notice.of(name))
            return manifest
        if not notice.successor:
            raise UsageError(f"{notice.of(name)}: {without_successor(manifest)}")
        tell(notice.of(name))
        name = notice.successor
    raise CheckFailed(f"the notices of release '{asked}' lead in a circle")


def without_successor(manifest: Manifest) -> str:
    """Why a release that was redacted has no successor, and what to do."""
    if manifest.places is not None:
        return "nothing is left of it"
    return (
        "it is of a format of before successors could be made: cut another of the lake as it is "
        "now with `echoatlas release create`"
    )


def standing_name(releases: Storage, name: str, tell: Tell) -> str:
    """The release that is meant by a name today: itself, or what took its place.

    Raises:
        UsageError: as ``living``.
    """
    return living(releases, name, tell).name


def successor_of(releases: Storage, name: str) -> str:
    """The living release that stands in the place of one today: itself, or what followed it; ""
    if there is none any more."""
    known = set(names(releases))
    seen: set[str] = set()
    while name in known and name not in seen:
        seen.add(name)
        notice = notice_of(releases, name)
        if notice is None or notice.kind != REDACTED:
            return name
        name = notice.successor
    return ""


def withdrawn(releases: Storage, asked: str) -> tuple[str, ...]:
    """Names of files that redactions took back, of a release and of all that came after it."""
    found: list[str] = []
    seen: set[str] = set()
    while asked and asked not in seen:
        seen.add(asked)
        said = notices(releases, asked)
        found += [name for one in said for name in one.withdrawn]
        asked = next((one.successor for one in said if one.kind == REDACTED), "")
    return tuple(found)


def deprecate(releases: Storage, name: str, why: str, successor: str = "") -> Notice:
    """Say of a release that it should not be used any more; it stays as it is.

    Raises:
        UsageError: there is no such release or successor, they are the same, there is no reason,
            or the release was redacted.
    """
    if not why.strip():
        raise UsageError("--why: say in a sentence why the release should not be used")
    manifest_of(releases, name)
    if successor:
        manifest_of(releases, successor)
    if successor == name or name in _after(releases, successor):
        raise UsageError(f"'{successor}' leads back to '{name}': name another successor")
    standing = notice_of(releases, name)
    if standing is not None and standing.kind == REDACTED:
        raise UsageError(standing.of(name))
    return publish(releases, name, Notice(DEPRECATED, why.strip(), successor, _now()))


def publish(releases: Storage, name: str, notice: Notice) -> Notice:
    """Put a notice beside a release, behind those that are there."""
    data = json.dumps(asdict(notice), sort_keys=True, indent=1).encode()
    number = len(notices(releases, name))
    while True:
        number += 1
        try:
            releases.write(f"{name}/{PREFIX}{number:04d}.json", data, create=True)
            return notice
        except FileExistsError:  # somebody else said something in between
            continue


def redaction_notice(why: str, successor: str, files: Sequence[str], damaged: int = 0) -> Notice:
    """The notice of a release that samples were taken out of for good."""
    return Notice(REDACTED, why, successor, _now(), tuple(sorted(files)), damaged)


def _after(releases: Storage, name: str) -> set[str]:
    """All releases that notices lead to from one."""
    found: set[str] = set()
    while name and name not in found:
        found.add(name)
        notice = notice_of(releases, name)
        name = notice.successor if notice else ""
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

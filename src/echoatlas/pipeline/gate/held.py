"""What the gate held back, until it passes: which objects were at fault, and why, by opaque ids.

A batch that does not pass is not committed, and its objects stay due. The next run takes those at
fault by themselves, each alone, so that nobody else waits with them; what fails alone is
quarantined. What is not like before waits until a person has looked, and is not worked on again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.gate.checked import Check
    from echoatlas.pipeline.storage.storage import Storage

PLACE = "_gate.json"


@dataclass(frozen=True, slots=True)
class Unlike:
    """Objects that wait since they are not like those of before.

    Attributes:
        first, last: ordinals between which they lie, both included.
        objects: how many. uploads: opaque ids of theirs.
        limits: a digest of what they were judged by: by other limits they are judged anew.
        said: what is not like before, in words.
    """

    first: int
    last: int
    objects: int
    uploads: tuple[str, ...]
    limits: str
    said: tuple[str, ...]

    def holds(self, ordinal: int, limits: str | None = None) -> bool:
        """Whether an object waits: still, by today's limits, if these are given."""
        return self.first <= ordinal <= self.last and limits in (None, self.limits)


@dataclass(frozen=True, slots=True)
class HeldBatches:
    """What a site's last run held back.

    Attributes:
        objects: how many wait. faulty: ids of those at fault, in order.
        checks: those that failed.
        unlike: what is not like before.
    """

    run_id: str
    objects: int
    faulty: tuple[str, ...]
    checks: tuple[Check, ...]
    unlike: tuple[Unlike, ...] = ()


def batches_held(storage: Storage) -> dict[str, HeldBatches]:
    """Site to what waits there; a note that can't be read is none, and costs a batch at most."""
    if not storage.exists(PLACE):
        return {}
    try:
        raw = json.loads(storage.read(PLACE))
        return {
            site: HeldBatches(
                one["run_id"],
                one["objects"],
                tuple(one["faulty"]),
                tuple((str(name), bool(ok), str(said)) for name, ok, said in one["checks"]),
                tuple(map(_unlike, one["unlike"])),
            )
            for site, one in raw.items()
        }
    except (ValueError, KeyError, TypeError):  # of another version, or cut off
        return {}


def _unlike(raw: Mapping[str, Any]) -> Unlike:
    lists = {name: tuple(map(str, raw[name])) for name in ("uploads", "said")}
    return Unlike(**{**raw, **lists})


def remember_held(storage: Storage, found: Mapping[str, HeldBatches | None]) -> None:
    """Note what some sites' batches wait for, or that none does; of others it stays as it was."""
    before = batches_held(storage)
    after = {name: one for name, one in (before | dict(found)).items() if one is not None}
    if after != before:
        data = {name: asdict(one) for name, one in after.items()}
        storage.write(PLACE, json.dumps(data, sort_keys=True).encode())

"""What the gate held back, until it passes: which objects were at fault, and why, by opaque ids.

A batch that does not pass is not committed, and its objects stay due. The next run takes those at
fault by themselves, each alone, so that nobody else waits with them; what fails alone is
quarantined.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.gate.checked import Check
    from echoatlas.pipeline.storage import Storage

PLACE = "_gate.json"


@dataclass(frozen=True, slots=True)
class HeldBatches:
    """What a site's last run held back.

    Attributes:
        objects: how many wait. faulty: ids of those at fault, in order.
        checks: those that failed.
    """

    run_id: str
    objects: int
    faulty: tuple[str, ...]
    checks: tuple[Check, ...]


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
            )
            for site, one in raw.items()
        }
    except (ValueError, KeyError, TypeError):  # of another version, or cut off
        return {}


def remember_held(storage: Storage, found: Mapping[str, HeldBatches | None]) -> None:
    """Note what some sites' batches wait for, or that none does; of others it stays as it was."""
    before = batches_held(storage)
    after = {name: one for name, one in (before | dict(found)).items() if one is not None}
    if after != before:
        data = {name: asdict(one) for name, one in after.items()}
        storage.write(PLACE, json.dumps(data, sort_keys=True).encode())

"""Which keys a lake was made with: under another, a patient or a file would be another one.

Only public ids of keys are kept. A lake of before they were kept says those of its audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.reader import LakeReader
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

PLACE = "_keys.json"


def demand_same_keys(lake: LakeReader, keys: Iterable[SiteKey]) -> None:
    """Refuse keys that are not those of what lies in a lake.

    Args:
        keys: of sites, and the deployment's.

    Raises:
        UsageError: one is another; says which, and what to do.
    """
    for fault in other_keys(lake, keys).values():
        raise fault


def other_keys(lake: LakeReader, keys: Iterable[SiteKey]) -> dict[str, UsageError]:
    """Of which sites the key is not that of what lies in a lake, and what to do."""
    known = _known(lake)
    return {
        key.site: UsageError(
            f"the key of '{key.site}' is another ({key.key_id}) than the one that this lake "
            f"was made with ({', '.join(known[key.site])}): put that one back, or begin a new lake "
            "(docs/runbooks/rotate-keys.md)"
        )
        for key in keys
        if known.get(key.site) and key.key_id not in known[key.site]
    }


def remember_keys(lake: LakeReader, keys: Iterable[SiteKey]) -> None:
    """Keep the ids of keys that a lake is made with from now on, as far as none is known.

    Raises:
        UsageError: as ``demand_same_keys``.
    """
    mine = list(keys)
    demand_same_keys(lake, mine)
    known = _known(lake)
    told = {**{key.site: [key.key_id] for key in mine}, **known}
    if told != known or not lake.storage.exists(PLACE):
        lake.storage.write(PLACE, json.dumps(told, sort_keys=True, indent=1).encode())


def _known(lake: LakeReader) -> Mapping[str, list[str]]:
    if lake.storage.exists(PLACE):
        told: dict[str, list[str]] = json.loads(lake.storage.read(PLACE))
        return told
    pairs: set[tuple[str, str]] = set()
    for batch in lake.batches("audit", ["site", "key_id"]):
        pairs.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    found: dict[str, list[str]] = {}
    for site, key_id in sorted(pairs):
        if key_id:
            found.setdefault(site, []).append(key_id)
    return found

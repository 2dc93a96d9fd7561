"""Whether the keys are those of the lake, and of what was erased: else nobody is who they were.

Under another key of its site a patient is another patient, and one who was erased is nobody who is
known. Nothing of such a site is taken in until that is put right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.made_with import other_keys

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.vault.pseudonyms import SiteKey


def key_faults(deployment: Deployment, sites: Iterable[str]) -> dict[str, UsageError]:
    """Site to what is wrong with its keys; sites of which nothing is are not there."""
    names = list(sites)
    found = {name: UsageError(said) for name, said in unasked_of(deployment, names).items()}
    keys: list[SiteKey] = []
    try:
        own = deployment.key()
    except UsageError as fault:
        return dict.fromkeys(names, fault)
    for name in names:
        try:
            keys.append(deployment.site_key(name))
        except UsageError as fault:
            found[name] = fault
    others = other_keys(deployment.lake, (own, *keys))
    of_all = dict.fromkeys(names, others[own.site]) if own.site in others else {}
    return found | {name: others[name] for name in names if name in others} | of_all


def unasked_of(deployment: Deployment, sites: Iterable[str]) -> dict[str, str]:
    """Site to what to do, where requests were carried out under another key than today's."""
    stones = deployment.tombstones()
    if not stones.keys:
        return {}
    found = {}
    for name in sites:
        for request in stones.unasked(deployment.site_key(name))[:1]:
            where = stones.keys[request][0]
            found[name] = (
                f"request '{request}' erased patients of {where} under another key, and nobody "
                "can tell today who they were: give its file once more, `echoatlas erase "
                f"{where} --patient-ids FILE --request {request}` (docs/runbooks/rotate-keys.md)"
            )
    return found

"""Runs that start by themselves: on a hint, when an upload has become quiet, and every so often.

A hint, or the time, only starts a look: buckets are listed and held against the lake, and a run
follows where something is due. So nothing is missed when an event is, and a second look is free.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import CheckFailed, EchoAtlasError, UsageError
from echoatlas.pipeline.objects.listed import Heard, unheeded
from echoatlas.pipeline.plan.plan import checked
from echoatlas.pipeline.plan.survey import Survey, surveyed
from echoatlas.pipeline.run.queue import tell_queue
from echoatlas.pipeline.run.run import curate
from echoatlas.pipeline.run.summary import Summary, must_hold
from echoatlas.pipeline.run.under_way import Progress

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.sites.events import Hints

GATHER = 0.5  # seconds between the first hint and the look: uploads come in many files
AGAIN = 5.0  # seconds until the next try where another run holds the lake


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found.

    Attributes:
        due: site to how many objects and lists of patients something is to be done about; those
            with none are left out.
        next_look: when an upload may have become quiet, seconds since 1970; None if none will.
        faults: site to what is wrong with its bucket.
        lists: sites whose lists of patients say what the lake does not hold yet.
    """

    due: dict[str, int] = field(default_factory=dict)
    next_look: float | None = None
    faults: dict[str, str] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()


def look_at(deployment: Deployment, names: Collection[str]) -> Look:
    """List some sites' buckets, hold them against the lake, and tell what waits there.

    Raises:
        ConfigError: a setting is wrong.
        UsageError, Retry: no bucket could be listed.
    """
    config = checked(deployment.config)
    surveys, faults = surveyed(deployment, deployment.chosen(sorted(names)), config)
    tell_queue(deployment.lake.storage, surveys)
    looks = [one for seen in surveys if (one := seen.arrived.whole.next_look) is not None]
    lists = _lists(deployment, surveys)
    due = {seen.site.site: _due(seen) + lists[seen.site.site] for seen in surveys}
    return Look(
        {site: number for site, number in due.items() if number},
        min(looks, default=None),
        {site: str(why) for site, why in faults.items()},
        frozenset(site for site, number in lists.items() if number),
    )


def _lists(deployment: Deployment, surveys: Sequence[Survey]) -> dict[str, int]:
    """By site, how many lists of patients say something that no run has heeded."""
    known, stones = Heard.of(deployment.lake), deployment.tombstones()
    found = {}
    for seen in surveys:
        places = (one for one in seen.arrived.listing.locators.to_pylist())
        key = deployment.site_key(seen.site.site)
        found[seen.site.site] = len(unheeded(key, seen.tables.lists, places, stones, known))
    return found


def _due(seen: Survey) -> int:
    some = (seen.fresh, seen.pending, seen.stale, seen.unread, seen.repeats, seen.lost)
    return sum(len(one) for one in some)


def watch(
    opened: Callable[[], Deployment],
    hints: Hints,
    sites: Collection[str] = (),
    every: float = 300.0,
    report: Callable[[Summary | EchoAtlasError], None] = lambda _: None,
    progress: Progress | None = None,
) -> None:
    """Look and run until the hints are stopped.

    What goes wrong in a run is said, and the watch goes on.

    Args:
        opened: opens the deployment, anew each time: sites may have been added.
        sites: the only ones to be watched; all if empty.
        every: seconds after which all are looked at without a hint.
        report: told of each run that did something, and of what went wrong.
    """
    scheduled, named, last = 0.0, set[str](), ""
    quiet: dict[str, float] = {}
    while not hints.stopped:
        now = time.monotonic()
        pause = AGAIN
        try:
            deployment = opened()
            hints.sites = deployment.sites
            wanted = set(sites) or set(deployment.sites)
            if now >= scheduled:
                scheduled, named = now + every, set(wanted)
            named |= {site for site, when in quiet.items() if time.time() >= when}
            named &= wanted
            if named:
                _look_and_run(deployment, named, quiet, report, progress)
                named.clear()
            last = ""
            pause = min([scheduled - time.monotonic(), *(w - time.time() for w in quiet.values())])
        except CheckFailed as error:
            report(error)
            named.clear()
            pause = scheduled - time.monotonic()
        except EchoAtlasError as error:  # another run, a bucket out of reach, a file being edited
            if str(error) != last:
                report(error)
            last = str(error)
        fresh = hints.wait(pause)
        if fresh:
            time.sleep(GATHER)
            named |= fresh | hints.wait(0)


def _look_and_run(
    deployment: Deployment,
    named: Collection[str],
    quiet: dict[str, float],
    report: Callable[[Summary | EchoAtlasError], None],
    progress: Progress | None,
) -> None:
    for site in named:
        quiet.pop(site, None)
    if not named:
        return
    seen = look_at(deployment, named)
    for site in named:
        if seen.next_look is not None:
            quiet[site] = seen.next_look
    for site, why in seen.faults.items():
        report(UsageError(f"site '{site}' was left out: {why}"))
    if not seen.due:
        return
    summary = curate(deployment, list(seen.due), progress)
    if summary.named or summary.objects or summary.reread or seen.lists:
        report(summary)
    must_hold(summary)

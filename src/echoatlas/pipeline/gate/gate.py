"""The gate of a run: what a batch made passes, or is held back whole before anybody sees it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from echoatlas.pipeline.gate.checked import (
    FEW,
    BatchChecks,
    Checker,
    Failure,
    checks_of,
    of_rows,
)
from echoatlas.pipeline.gate.drift import said
from echoatlas.pipeline.gate.held import HeldBatches, Unlike, batches_held, remember_held
from echoatlas.pipeline.gate.known import KnownKeys
from echoatlas.pipeline.gate.pages import WHOLE, GatePart
from echoatlas.pipeline.gate.suites import UNIQUE
from echoatlas.schemas.tables import TABLES
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from echoatlas.pipeline.gate.checked import Check
    from echoatlas.pipeline.gate.drift import Shift
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.site import SiteConfig


@dataclass(slots=True)
class AtSite:
    """What the gate saw of a site in a run.

    Attributes:
        passed: what went through; held: what did not.
        objects: how many were held back. faulty: ids of those at fault.
        refused: how many were quarantined, alone.
        shifts: how far its mixes have moved, of each lot that was compared with before.
        unlike: what waits for a person, since it is not like before.
        silent: why nothing was compared, if nothing was.
    """

    passed: BatchChecks = field(default_factory=BatchChecks)
    held: BatchChecks = field(default_factory=BatchChecks)
    objects: int = 0
    faulty: set[str] = field(default_factory=set)
    refused: int = 0
    shifts: list[Shift] = field(default_factory=list)
    unlike: list[Unlike] = field(default_factory=list)
    silent: str = ""


class Gate:
    """Holds what a run makes against the suites, and against the ids of the whole lake."""

    def __init__(self, lake: Lake, run_id: str) -> None:
        self._lake = lake
        self._run_id = run_id
        self._known: dict[str, KnownKeys] = {}
        self._configs: dict[str, SiteConfig] = {}
        self.sites: dict[str, AtSite] = defaultdict(AtSite)
        self.whole = BatchChecks()  # of tables that are made of the whole lake

    def failures(self, checked: BatchChecks, renewed: Sequence[str]) -> tuple[Failure, ...]:
        """What keeps a batch from passing, the ids of all the lake asked.

        Args:
            renewed: objects whose rows go as these come.
        """
        found = list(checked.failures)
        for table, keys in checked.keys.items():
            known = self._ids(table)
            taken = known.taken(keys, renewed)
            if taken.any():
                names = sorted(set(keys.ids.take(taken).texts()))
                check = f"{UNIQUE}({TABLES[table].key[0]})"
                objects = frozenset(keys.objects.take(taken).texts())
                found.append(Failure(table, check, int(taken.sum()), tuple(names[:FEW]), objects))
        return tuple(found)

    def passes(self, site: SiteConfig, checked: BatchChecks) -> None:
        """A batch goes through."""
        self._configs[site.site] = site
        for table, keys in checked.keys.items():
            self._ids(table).add(keys)
        here = self.sites[site.site]
        here.passed = BatchChecks.joined([here.passed, BatchChecks(checked.rows)])

    def holds(
        self, site: SiteConfig, checked: BatchChecks, failures: Sequence[Failure], objects: int
    ) -> None:
        """A batch is held back, and noted down at once: a run that is killed remembers it too."""
        self._configs[site.site] = site
        here = self.sites[site.site]
        here.held = BatchChecks.joined([here.held, BatchChecks(checked.rows, tuple(failures))])
        here.objects += objects
        here.faulty |= {name for one in failures for name in one.objects}
        remember_held(self._lake.storage, {site.site: self._note(site.site)})

    def refuses(self, site: SiteConfig, failures: Sequence[Failure]) -> None:
        """A batch of one object does not pass, and the object was quarantined."""
        self._configs[site.site] = site
        here = self.sites[site.site]
        here.held = BatchChecks.joined([here.held, BatchChecks(failures=tuple(failures))])
        here.refused += 1

    def compared(self, site: SiteConfig, found: Iterable[Shift]) -> None:
        """What a site sent was held against what it sent before."""
        self._configs[site.site] = site
        self.sites[site.site].shifts += found

    def not_compared(self, site: SiteConfig, why: str) -> None:
        """Nothing that a site sent was held against what it sent before."""
        self._configs[site.site] = site
        self.sites[site.site].silent = why

    def keeps(self, site: SiteConfig, unlike: Unlike) -> None:
        """Objects wait for a person, and this is noted down at once."""
        self._configs[site.site] = site
        here = self.sites[site.site]
        here.unlike.append(unlike)
        here.objects += unlike.objects
        remember_held(self._lake.storage, {site.site: self._note(site.site)})

    def warnings(self) -> list[str]:
        """What of any site is not like before and was taken, in words."""
        return [
            f"{site}: {line}"
            for site, here in sorted(self.sites.items())
            for line in dict.fromkeys(said(here.shifts))
            if not any(line in one.said for one in here.unlike)
        ]

    def table(self, name: str, rows: pa.Table, known: pa.Array | None = None) -> bool:
        """Whether rows that are made of the whole lake pass, before they are committed.

        Args:
            rows: those that are new; columns that are left out are not asked for.
            known: ids of all frames, of which they have to speak, if they do.
        """
        checker = Checker()
        checker.add(name, rows)
        found = checker.done(known)
        self.whole = BatchChecks.joined([self.whole, found])
        return not found.failures

    def finish(self, sites: Iterable[str]) -> None:
        """Note what waits at sites, or that nothing does any more."""
        remember_held(self._lake.storage, {name: self._note(name) for name in sites})

    def checks(self) -> list[Check]:
        """All checks of the run, each once: what of any site fails, fails."""
        found: dict[str, list[Check]] = defaultdict(list)
        for name, here in sorted(self.sites.items()):
            for one in checks_of(_both(here), self._configs.get(name)):
                found[one[0]].append(one)
        for one in checks_of(self.whole):
            found[one[0]].append(one)
        return [
            (name, all(ok for _, ok, _ in some), "; ".join(said for *_, said in some if said))
            for name, some in found.items()
        ]

    def said(self) -> list[str]:
        """Why the run did not end well, in words; nothing where all has passed."""
        found = [line for site in sorted(self.sites) for line in self._said_of(site)]
        return found + self._said_of_lake()

    def _said_of(self, site: str) -> list[str]:
        here = self.sites[site]
        due = number_of(here.objects, "object, which stays due", "objects, which stay due")
        refused = number_of(here.refused, "object")
        told = [
            f"held back {due}" if here.objects else "",
            f"quarantined {refused} as failed_gate" if here.refused else "",
        ]
        if not any(told):
            return []
        unlike = dict.fromkeys(line for one in here.unlike for line in one.said)
        first, *others = [*map(_line, here.held.failures), *unlike]
        more = f" ({len(others)} more)" if others else ""
        return [f"{site}: the gate {' and '.join(filter(None, told))}: {first}{more}"]

    def _said_of_lake(self) -> list[str]:
        return [f"{_line(one)}: the table stays as it was" for one in self.whole.failures]

    def parts(self) -> list[GatePart]:
        """What the run's pages are about: each site, and what is made of the whole lake."""
        found = []
        for site, here in sorted(self.sites.items()):
            both, config = _both(here), self._configs.get(site)
            faulty = sorted(here.faulty)[:FEW]
            faults = [f"Objects at fault: {', '.join(faulty)}"] if faulty else []
            found.append(
                GatePart(
                    site,
                    f"site {site}",
                    checks_of(both, config),
                    both.rows,
                    [*self._said_of(site), *faults],
                    here.shifts,
                    here.unlike,
                    here.silent,
                )
            )
        title = "what is made of the whole lake"
        checks = checks_of(self.whole)
        return [*found, GatePart(WHOLE, title, checks, self.whole.rows, self._said_of_lake())]

    def _note(self, site: str) -> HeldBatches | None:
        here = self.sites.get(site)
        if here is None or not here.objects:
            return None
        checks = tuple((one.name, False, of_rows(one.rows, one.some)) for one in here.held.failures)
        run, unlike = self._run_id, tuple(here.unlike)
        before = batches_held(self._lake.storage).get(site)
        if before is not None and not checks and before.unlike == unlike:
            run = before.run_id  # whose page tells of it
        return HeldBatches(run, here.objects, tuple(sorted(here.faulty)), checks, unlike)

    def _ids(self, table: str) -> KnownKeys:
        if table not in self._known:
            self._known[table] = KnownKeys(self._lake, table)
        return self._known[table]


def _line(one: Failure) -> str:
    return f"{one.name}: {of_rows(one.rows, one.some)}"


def _both(here: AtSite) -> BatchChecks:
    return BatchChecks.joined([here.passed, here.held])

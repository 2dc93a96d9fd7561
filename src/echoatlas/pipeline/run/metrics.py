"""What a run counts and how long its steps take: numbers only, labeled by step, site, reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from echoatlas.schemas.rows.log import RunRow

if TYPE_CHECKING:
    from echoatlas.pipeline.run.conservation import Balance
    from echoatlas.pipeline.storage.storage import Storage

FOLDER = "metrics/"
PLACE = f"{FOLDER}echoatlas.prom"  # one file of all runs: of several a collector shows the oldest


# What each metric says, as Prometheus shows it, and by what it is told apart.
METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "echoatlas_objects": ("Objects by site and status, of all runs.", ("site", "status")),
    "echoatlas_rejected": ("Objects that the newest run rejected, by reason.", ("reason",)),
    "echoatlas_step_seconds": ("Seconds that the newest run spent in a step.", ("step",)),
    "echoatlas_run_seconds": ("Seconds that the newest run took.", ()),
    "echoatlas_run_frames": ("Frames that the newest run wrote.", ()),
    "echoatlas_run_crashed": ("Objects over which the newest run failed unexpectedly.", ()),
    "echoatlas_run_finished_seconds": ("When the newest run ended, seconds since 1970.", ()),
    "echoatlas_held_objects": ("Objects that the gate holds back, by site.", ("site",)),
    "echoatlas_queue_objects": ("Objects that wait to be run, when last looked at.", ("site",)),
    "echoatlas_queue_oldest_seconds": (
        "When the oldest of them came, seconds since 1970; absent where none waits.",
        ("site",),
    ),
    "echoatlas_queue_looked_seconds": ("When buckets were last looked at, since 1970.", ()),
    "echoatlas_conservation": ("1 if every discovered object is accounted for, else 0.", ()),
}


def exposition(samples: Mapping[str, Mapping[tuple[str, ...], float]]) -> bytes:
    """Metrics in Prometheus' text format.

    Args:
        samples: metric name, of ``METRICS``, to {values of its labels: value}.
    """
    registry = CollectorRegistry()
    for name in sorted(samples):
        meaning, labels = METRICS[name]
        gauge = Gauge(name, meaning, labels, registry=registry)
        for values, number in sorted(samples[name].items()):
            (gauge.labels(*values) if labels else gauge).set(number)
    return generate_latest(registry)


def samples_of(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """What ``exposition`` was given; metrics that are not known today are left out."""
    return {
        family.name: {
            tuple(one.labels[label] for label in METRICS[family.name][1]): one.value
            for one in family.samples
        }
        for family in text_string_to_metric_families(text.decode())
        if family.name in METRICS
    }


def tell_books(storage: Storage, books: Balance, held: Mapping[str, int] | None = None) -> None:
    """Write down where all objects stand, after something else than a run moved them; what is told
    of the newest run stays.

    Args:
        storage: of the lake.
        held: site to how many objects the gate holds back there, if that changed.
    """
    before = samples_of(storage.read(PLACE)) if storage.exists(PLACE) else {}
    told = {**before, **_books(books.sites, holds=books.holds)}
    if held is not None:
        told["echoatlas_held_objects"] = {(site,): n for site, n in held.items()}
    if told != before:
        storage.write(PLACE, exposition(told))


def _books(
    sites: Mapping[str, Mapping[str, int]], *, holds: bool
) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        "echoatlas_objects": {
            (site, status): number
            for site, counts in sites.items()
            for status, number in counts.items()
        },
        "echoatlas_conservation": {(): float(holds)},
    }


def run_metrics(
    sites: Mapping[str, Mapping[str, int]],
    rejected: Mapping[str, int],
    seconds: Mapping[str, float],
    run: RunRow,
    held: Mapping[str, int] | None = None,
) -> bytes:
    """The metrics of one run, for Prometheus' textfile collector.

    Args:
        held: site to how many objects the gate holds back there.
    """
    return exposition(
        {
            **_books(sites, holds=run.conservation),
            "echoatlas_rejected": {(code,): n for code, n in rejected.items()},
            "echoatlas_held_objects": {(site,): n for site, n in (held or {}).items()},
            "echoatlas_step_seconds": {(name,): s for name, s in seconds.items()},
            "echoatlas_run_seconds": {(): run.seconds},
            "echoatlas_run_frames": {(): run.frames},
            "echoatlas_run_crashed": {(): run.crashed},
            "echoatlas_run_finished_seconds": {
                (): datetime.fromisoformat(run.finished).timestamp()
            },
        }
    )

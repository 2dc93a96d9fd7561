"""What a run counts and how long its steps take: numbers only, labelled by step, site, reason."""

from __future__ import annotations

from collections.abc import Mapping

from echoatlas.schemas.rows import RunRow


def exposition(samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]) -> str:
    """Metrics in Prometheus' text format.

    Args:
        samples: metric name to {label pairs: value}.
    """
    lines: list[str] = []
    for name in sorted(samples):
        lines.append(f"# TYPE {name} gauge")
        for labels, value in sorted(samples[name].items()):
            inner = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def run_metrics(
    sites: Mapping[str, Mapping[str, int]],
    rejected: Mapping[str, int],
    seconds: Mapping[str, float],
    run: RunRow,
) -> str:
    """The metrics of one run, for Prometheus' textfile collector."""
    return exposition(
        {
            "echoatlas_objects": {
                (("site", site), ("status", status)): number
                for site, counts in sites.items()
                for status, number in counts.items()
            },
            "echoatlas_rejected": {(("reason", code),): n for code, n in rejected.items()},
            "echoatlas_step_seconds": {(("step", name),): s for name, s in seconds.items()},
            "echoatlas_run_seconds": {(): run.seconds},
            "echoatlas_run_frames": {(): run.frames},
            "echoatlas_run_crashed": {(): run.crashed},
            "echoatlas_conservation": {(): float(run.conservation)},
        }
    )

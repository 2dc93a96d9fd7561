"""Metrics as Prometheus reads them: every digit, and what each one means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from echoatlas.pipeline.run.metrics import METRICS, exposition, run_metrics, samples_of
from echoatlas.schemas.rows.log import RunRow

RUN = RunRow(
    run_id="r", started="2026-11-01T00:00:00+00:00", finished="2026-11-01T01:00:00+00:00",
    status="done", version="0", fingerprint="f", sites="st", objects=4_500_123, frames=4_500_123,
    rejected=1, crashed=0, seconds=123_456.789, conservation=True,
)  # fmt: skip


def read(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(one.labels.values()): one.value for one in family.samples}
        for family in text_string_to_metric_families(text.decode())
    }


def test_millions_are_told_to_the_last_digit():
    found = read(run_metrics({"st": {"kept": 4_500_123}}, {"no_fan": 1_000_001}, {}, RUN))

    assert found["echoatlas_objects"] == {("st", "kept"): 4_500_123}
    assert found["echoatlas_rejected"] == {("no_fan",): 1_000_001}
    assert found["echoatlas_run_frames"] == {(): 4_500_123}
    assert found["echoatlas_run_seconds"] == {(): 123_456.789}
    assert found["echoatlas_run_finished_seconds"] == {(): 1_793_494_800}


def test_each_metric_says_what_it_means():
    text = run_metrics({"st": {"kept": 1}}, {"no_fan": 1}, {"read": 1.0}, RUN).decode()

    of_runs = {name for name in METRICS if not name.startswith("echoatlas_queue_")}
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")} == of_runs


def test_what_is_written_is_read_again_and_what_is_no_longer_known_is_left_out():
    told = {"echoatlas_queue_objects": {("st",): 3.0}, "echoatlas_queue_looked_seconds": {(): 7.5}}
    older = b"# TYPE echoatlas_gone gauge\nechoatlas_gone 1.0\n"

    assert samples_of(exposition(told) + older) == told


@given(st.text(max_size=20), st.floats(0, 2**53))
def test_labels_and_values_of_any_kind_come_back(label, value):
    assert read(exposition({"echoatlas_rejected": {(label,): value}})) == {
        "echoatlas_rejected": {(label,): value}
    }

"""Names stay out of every file, log and traceback, also when a step crashes at one."""

from __future__ import annotations

import io
import os
import pickle
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.lake.staged import write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.write_ahead_log import Intent
from echoatlas.pipeline.run.reread import reread
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.log import ReleaseRow
from echoatlas.schemas.tables import TABLES, schema, subject_columns, to_arrow
from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.scorer import Planted, leaked
from tests.helpers.tables import made

NAME = "Kowalczyk-Wisniewska^Malgorzata"
WORDS = [Planted(word, "scan") for word in ("Kowalczyk", "Wisniewska", "Malgorzata", "kowalczyk_m")]
HEAD = """
import sys
import ray
address = ray.init(
    num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, _temp_dir=sys.argv[1],
    _node_ip_address="127.0.0.1",
).address_info["gcs_address"]
print(address, flush=True)
sys.stdin.read()
"""
# A step that fails as bugs do: with a message that quotes what it was at.
FAULT = """
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

class Fault(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "echoatlas.pipeline.objects.journey":
            return None
        spec = PathFinder.find_spec(name, path)
        run = spec.loader.exec_module
        def broken(module):
            run(module)
            good = module.evidence
            def evidence(scan, origin, site, config):
                if scan.header is not None:
                    raise ValueError(f"{scan.header.PatientName} in {origin.name}: {scan.header}")
                return good(scan, origin, site, config)
            evidence.step = good.step
            module.evidence = evidence
        spec.loader.exec_module = broken
        return spec

sys.meta_path.insert(0, Fault())
"""


class Denied(LocalStorage):
    """A bucket that may be listed, and no longer be read."""

    def read(self, key: str, start: int | None = None, length: int | None = None) -> bytes:
        raise UsageError(f"access denied to {self.uri}")


def upload(folder: Path) -> None:
    """A DICOM scan and a PNG that both name her, in header, text and file name."""
    (folder / "upload-1").mkdir(parents=True)
    scan = make_still(seed=1, size=(320, 240), name=NAME)
    for ending, data in (
        ("dcm", write_dicom(scan, "1.2.840.10008.1.2.1")),
        ("png", write_png(scan)),
    ):
        (folder / "upload-1" / f"kowalczyk_m.{ending}").write_bytes(data)


def test_a_crash_tells_its_place_and_nothing_of_the_object(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any
) -> None:
    upload(rehearsal.uploads / "st-elsewhere")
    place = str(rehearsal.uploads / "st-elsewhere")
    rehearsal.deployment.add_site(SiteConfig(site="st-elsewhere", bucket=place))
    batch = rehearsal.batch("st-elsewhere")

    @wraps(evidence)
    def broken(scan: Any, origin: Any, *_: object) -> Any:
        raise ValueError(f"{scan.header} of {origin.name} by {NAME}")

    with monkeypatch.context() as patched:
        patched.setattr("echoatlas.pipeline.objects.journey.evidence", broken)
        crashed = work(batch)

    said = capfd.readouterr()
    written = [rehearsal.home, pickle.dumps(crashed), (said.out + said.err).encode() + b" "]
    assert crashed.rejected == {"crashed": 2}
    assert all("ValueError in " in one and "test_canary" not in one for one in crashed.crashes)
    assert leaked([*written, caplog.text.encode()], WORDS) == []
    assert leaked([rehearsal.uploads], WORDS) == WORDS, "nobody was in the uploads"


def test_a_permission_that_is_taken_away_is_no_fault_of_the_object(rehearsal: Rehearsal) -> None:
    """It was quarantined as `crashed`, and stayed there when the permission was given back."""
    upload(rehearsal.uploads / "st-elsewhere")
    place = str(rehearsal.uploads / "st-elsewhere")
    rehearsal.deployment.add_site(SiteConfig(site="st-elsewhere", bucket=place))
    batch = rehearsal.batch("st-elsewhere")

    for function in (work, reread):
        with pytest.raises(UsageError, match="access denied"):
            function(replace(batch, bucket=Denied(Path(place))))


def test_the_search_finds_a_name_in_every_corner_of_a_lake(tmp_path: Path) -> None:
    """The proof that the tests above can fail."""
    lake = Lake(Storage.open(str(tmp_path / "lake")))
    told = [Planted(word, "corner") for word in (
        "oldversion", "commitlog", "dictionary", "paxheader", "keyvalue", "Brown",
    )]  # fmt: skip
    row = ReleaseRow("oldversion", "m", "2026", 1, "")
    lake.append("releases", to_arrow("releases", [row]))
    lake.replace("releases", to_arrow("releases", [ReleaseRow("new", "m", "2026", 1, "")]))
    assert "oldversion" not in lake.read("releases").column("name").to_pylist()
    lake.append("releases", to_arrow("releases", []), "commitlog")
    named = pa.table({"who": pa.array(["dictionary"] * 500 + ["Brown"]).dictionary_encode()})
    named = named.replace_schema_metadata({"keyvalue": "x"})
    pq.write_table(named, tmp_path / "d.parquet", compression="zstd")
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as shard:
        member = tarfile.TarInfo("x.png")
        member.pax_headers = {"comment": "paxheader"}
        shard.addfile(member, io.BytesIO(b""))

    assert told == leaked([tmp_path], told)
    assert leaked([tmp_path], [Planted("nobody at all", "nowhere")]) == []


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_one_patient_have_no_statistics_and_no_dictionary(
    tmp_path: Path, name: str
) -> None:
    """Neither in what workers write nor in what Delta writes and rewrites."""
    lake = Lake(Storage.open(str(tmp_path)))
    rows = [made(TABLES[name].row, **{column: str(n)}) for n in range(3) for column in _ids(name)]
    table = to_arrow(name, rows)
    lake.apply(Intent("i1", (write_part(lake.storage, table, name, "part-1"),)))
    lake.append(name, table)
    lake.drop_rows(name, _ids(name)[0], ["1"], "retry-1")
    looked = 0

    for file in (tmp_path / "tables" / name).glob("*.parquet"):
        metadata = pq.ParquetFile(file).metadata
        for group in (metadata.row_group(n) for n in range(metadata.num_row_groups)):
            for column in (group.column(n) for n in range(group.num_columns)):
                if column.path_in_schema in subject_columns(name):
                    looked += 1
                    assert not column.is_stats_set, column.path_in_schema
                    assert not column.has_dictionary_page, column.path_in_schema

    assert looked or not subject_columns(name)


def _ids(name: str) -> list[str]:
    return [column for column in TABLES[name].key if schema(name).field(column).type == pa.string()]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """A Ray cluster of the test's own that keeps its logs, with a step that fails on DICOM.

    Yields:
        The environment in which a run finds it, and the folder of its logs and spilled objects.
    """
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULT)
    logs = Path(tempfile.mkdtemp(prefix="ea-"))  # sockets want short names
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "faults"), "RAY_USAGE_STATS_ENABLED": "0"}
    env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD, str(logs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        text=True,
    )
    assert head.stdin and head.stdout
    try:
        yield {**env, "RAY_ADDRESS": head.stdout.readline().strip()}, logs
    finally:
        head.stdin.close()
        head.wait(60)
        shutil.rmtree(logs, ignore_errors=True)


@pytest.mark.heavy
def test_a_crash_on_a_cluster_leaves_no_name_in_its_logs_or_in_any_version_of_the_lake(
    rehearsal: Rehearsal, cluster: tuple[dict[str, str], Path]
) -> None:
    env, logs = cluster
    upload(rehearsal.site("st-elsewhere"))
    spoken = []

    for least in (16, 17):  # two settings: the second run leaves old versions behind
        config = yaml.safe_load((rehearsal.home / "echoatlas.yaml").read_text())
        config["steps"] = {"normalize": {"min_fan": least}}
        (rehearsal.home / "echoatlas.yaml").write_text(yaml.safe_dump(config))
        done = subprocess.run(
            rehearsal.command("run"), capture_output=True, text=True, timeout=600, env=env
        )
        spoken.append((done.stdout + done.stderr).encode())
        assert done.returncode == 1 and b"1 object crashed" in spoken[-1], spoken

    status = rehearsal.run("status")
    assert status["quarantine"] == {"crashed": 1} and status["objects"]["kept"] == 1
    assert len(list((rehearsal.lake_path / "tables/frames").glob("*.parquet"))) > 1
    assert [Planted("raylet", "log")] == leaked([logs], [Planted("raylet", "log")])
    assert leaked([rehearsal.home, logs, *spoken], WORDS) == []

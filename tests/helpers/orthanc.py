"""A real DICOMweb service for tests: Orthanc with its DICOMweb plugin, from Debian's packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import urllib3

from tests.helpers.s3server import free_port
from tests.helpers.waiting import wait_until

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
HTTP = urllib3.PoolManager(retries=False)
installed = pytest.mark.skipif(
    not (shutil.which("Orthanc", path="/usr/sbin:/usr/bin") and PLUGIN.is_file()),
    reason="Orthanc (orthanc, orthanc-dicomweb) is not installed",
)


def start(folder: Path, user: str, password: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start an empty one that asks for a password, and wait until it answers.

    Returns:
        The process, and its address, below which DICOMweb lies at ``/dicom-web``.
    """
    port = free_port()
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {user: password},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as sink:
        process = subprocess.Popen(
            [
                shutil.which("Orthanc", path="/usr/sbin:/usr/bin") or "",
                str(folder / "orthanc.json"),
            ],
            cwd=folder,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "orthanc.log").read_text()[-2000:]
        try:
            return bool(HTTP.request("GET", f"{address}/system").status)
        except urllib3.exceptions.HTTPError:
            return False

    wait_until(answers, "Orthanc", seconds=60)
    return process, address


def send(address: str, user: str, password: str, data: bytes) -> str:
    """Store an instance, and return Orthanc's own id of it."""
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    answer = HTTP.request("POST", f"{address}/instances", body=data, headers=headers)
    assert answer.status == 200, answer.data
    return str(answer.json()["ID"])


def remove(address: str, user: str, password: str, stored: str) -> None:
    """Delete an instance by Orthanc's own id of it."""
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    answer = HTTP.request("DELETE", f"{address}/instances/{stored}", headers=headers)
    assert answer.status == 200, answer.data

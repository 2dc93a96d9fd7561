"""A Ray token is sent wherever it lies: in the environment, or in a file alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

TOKEN = "0123456789abcdef" * 4
ASK = """
import sys
from echoatlas.pipeline.errors import EchoAtlasError
from echoatlas.pipeline.engine.ray_jobs import RayJobs
try:
    RayJobs(sys.argv[1])
except EchoAtlasError:
    pass
"""


@pytest.fixture
def dashboard() -> Iterator[tuple[str, list[str]]]:
    """An address that notes what it is told of who asks, and answers nothing of use."""
    told: list[str] = []

    class Notes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.extend(value for value in self.headers.values() if TOKEN in value)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Notes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("place", ["home", "named", "variable", "nowhere"])
def test_the_token_is_sent(dashboard: tuple[str, list[str]], tmp_path: Path, place: str) -> None:
    address, told = dashboard
    environment = {name: one for name, one in os.environ.items() if not name.startswith("RAY_")}
    environment["HOME"] = str(tmp_path)
    file = tmp_path / (".ray/auth_token" if place == "home" else "token")
    if place == "variable":
        environment["RAY_AUTH_TOKEN"] = TOKEN
    elif place != "nowhere":
        file.parent.mkdir(exist_ok=True)
        file.write_text(TOKEN)
        environment |= {"RAY_AUTH_TOKEN_PATH": str(file)} if place == "named" else {}

    done = subprocess.run(
        [sys.executable, "-c", ASK, address], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert bool(told) == (place != "nowhere")

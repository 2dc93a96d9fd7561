"""A Ray cluster of several nodes for tests, each started as on a machine of its own.

Each is in a network namespace, where the machine allows that: it has an address and a loopback of
its own, and hears of the others over a bridge.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.helpers.rehearsal import TOKEN
from tests.helpers.s3server import free_port
from tests.helpers.waiting import wait_until

MARK = "ECHOATLAS_TEST_NODE"  # in the environment of all that a node starts
PREFIX = "eat"  # of names of bridges, links and namespaces; then the process that made them


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def may_make_namespaces() -> bool:
    """Whether this machine lets us make network namespaces and bridges."""
    if not shutil.which("ip") or os.geteuid() != 0:
        return False
    name = f"{PREFIX}{os.getpid()}t"
    try:
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "bridge")
    except subprocess.CalledProcessError:
        return False
    finally:
        _ip("link", "del", name, check=False)
        _ip("netns", "del", name, check=False)
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node runs.

    Attributes:
        address: of the node. enter: words before a command that is to run there.
        link: what joins it to the others.
    """

    address: str
    enter: tuple[str, ...]
    link: str


@dataclass(frozen=True, slots=True)
class Network:
    """Places for nodes, and the address at which they all reach the machine that they are on."""

    outside: str
    places: tuple[Place, ...]


@contextmanager
def namespaces(number: int) -> Iterator[Network]:
    """So many network namespaces, joined by a bridge, on which this machine has an address too."""
    _sweep()
    own = f"{PREFIX}{os.getpid()}"
    bridge = f"{own}b"
    net = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    places = [
        Place(f"{net}.{n}", ("ip", "netns", "exec", f"{own}n{n}"), f"{own}l{n}")
        for n in range(1, number + 1)
    ]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{net}.254/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for place in places:
            name = place.enter[-1]
            _ip("netns", "add", name)
            _ip("link", "add", place.link, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", place.link, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{place.address}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield Network(f"{net}.254", tuple(places))
    finally:
        _remove(own)


def _remove(own: str) -> None:
    """Remove the namespaces and links that one process made; links go with their namespace."""
    for line in _ip("netns", "list", check=False).stdout.splitlines():
        name = line.split()[0]
        if name.startswith(f"{own}n"):
            _ip("netns", "del", name, check=False)
    _ip("link", "del", f"{own}b", check=False)


def _sweep() -> None:
    """Remove what tests left behind that were killed."""
    found = [line.split()[0] for line in _ip("netns", "list", check=False).stdout.splitlines()]
    makers = {name[len(PREFIX) :].partition("n")[0] for name in found if name.startswith(PREFIX)}
    for maker in makers:
        if maker.isdigit() and not Path("/proc", maker).exists():
            _remove(f"{PREFIX}{maker}")


class Node:
    """A node of a cluster: what ``ray start`` started in one place, and all that this started."""

    def __init__(self, place: Place, words: Sequence[str], folder: Path) -> None:
        self.place = place
        self._mark = secrets.token_hex(8)
        self._log = folder / f"{place.address}.log"
        # Sockets' paths must be short
        self._scratch = Path(tempfile.mkdtemp(prefix="ea-ray-"))
        command = [*place.enter, sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        command += ["--node-ip-address", place.address, "--temp-dir", str(self._scratch)]
        command += ["--num-cpus", "1", "--object-store-memory", str(80 << 20), *words]
        # A job's `python` is the one that its cluster's PATH names, as in an image
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                [*command, "--disable-usage-stats"],
                stdout=sink,
                stderr=sink,
                env=os.environ | {"PATH": path, "RAY_AUTH_TOKEN": TOKEN, MARK: self._mark},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it says that it runs."""
        wait_until(self._is_up, f"the node at {self.place.address}", seconds=400, pause=0.2)

    def _is_up(self) -> bool:
        said = self._log.read_text(errors="replace")
        assert self._process.poll() is None, said
        return "Ray runtime started" in said

    def pids(self, doing: str = "") -> list[int]:
        """All processes of it, or those whose command line holds some words."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                ours = f"{MARK}={self._mark}".encode() in (folder / "environ").read_bytes()
                if ours and doing.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def signal(self, number: int) -> None:
        """Send a signal to all processes of it."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def part(self) -> None:
        """Have it hear nothing of the others any more, nor they of it."""
        _ip("link", "set", self.place.link, "down")

    def kill(self) -> None:
        """End it as a machine ends whose power fails."""
        while self.pids():
            self.signal(signal.SIGKILL)
            self._process.poll()

    def end(self) -> None:
        self.kill()
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)


class Nodes:
    """A cluster of nodes of one core each, that lets in only who has the token.

    Args:
        network: a place for each node; the head is in the first.
        folder: for what they log.

    Attributes:
        address: to join it from within a node.
        dashboard: to submit jobs from outside.
        nodes: as their places.
    """

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self._folder = network, folder
        self.nodes: list[Node] = []
        head = network.places[0].address
        gcs, dashboard = free_port(), free_port()
        self.address, self.dashboard = f"{head}:{gcs}", f"http://{head}:{dashboard}"
        self._words = ["--head", "--port", str(gcs), "--dashboard-host", head]
        self._words += ["--dashboard-port", str(dashboard)]
        self._words += ["--ray-client-server-port", str(free_port())]

    def __enter__(self) -> Self:
        try:
            head, *others = self.network.places
            self.nodes.append(self._start(head, self._words))
            self.nodes[0].wait()
            self.nodes += [self._start(place, ["--address", self.address]) for place in others]
            for node in self.nodes:
                node.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.end()

    def _start(self, place: Place, words: Sequence[str]) -> Node:
        # Jobs are given to an agent, whose usual port is that of the Ray this process may be in
        agent = ["--dashboard-agent-listen-port", str(free_port())]
        return Node(place, [*words, *agent], self._folder)

    def renew(self, number: int) -> None:
        """Start a new node where one was lost."""
        lost = self.nodes[number]
        lost.end()
        _ip("link", "set", lost.place.link, "up")
        self.nodes[number] = self._start(lost.place, ["--address", self.address])
        self.nodes[number].wait()

    def popen(self, command: Sequence[str], **more: Any) -> subprocess.Popen[str]:
        """Start a command on the head, as somebody does who is logged in there."""
        return subprocess.Popen([*self.network.places[0].enter, *command], text=True, **more)

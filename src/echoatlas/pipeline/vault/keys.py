"""Keys, and the pseudonyms that are made with them: keyed, order-free, the same in every process.

A key is 32 random bytes. It comes from the environment (``ECHOATLAS_KEY_<NAME>``, or
``ECHOATLAS_KEY_<NAME>_FILE`` for a mounted secret) or from ``<vault>/<name>.key``, which is
created 0600 in a folder of 0700. Everything is HMAC-SHA-256 under a key of its own for each
purpose, so that a pseudonym says nothing of another, and no public hash of an id matches.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from echoatlas.pipeline.errors import UsageError, no_such, unreadable
from echoatlas.pipeline.vault.pseudonyms import KEY_BYTES, SiteKey

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Vault:
    """A folder of keys, readable by its owner alone."""

    path: Path

    def create(self, name: str) -> SiteKey:
        """Make a key; one that comes from the environment is taken and nothing is written.

        Raises:
            UsageError: there is one already, or the folder can't be written.
        """
        if (given := _from_environment(name)) is not None:
            return SiteKey.of(name, given)
        target = self.file(name)
        secret = secrets.token_bytes(KEY_BYTES)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise UsageError(f"cannot write {target} ({os.strerror(error.errno or 0)})") from None
        write_secret(target, secret)
        return SiteKey.of(name, secret)

    def load(self, name: str) -> SiteKey:
        """A key by name.

        Raises:
            UsageError: there is none, others may read it, or it is weak.
        """
        if (given := _from_environment(name)) is not None:
            return SiteKey.of(name, given)
        target = self.file(name)
        if not target.is_file():
            raise no_such("key", name, (file.stem for file in self.path.glob("*.key")))
        return SiteKey.of(name, secret_from_file(target))

    def has(self, name: str) -> bool:
        """Whether a key of that name can be loaded."""
        return _from_environment(name) is not None or self.file(name).is_file()

    def file(self, name: str) -> Path:
        """Where a key lies.

        Raises:
            UsageError: the name could lead out of the folder.
        """
        if not NAME.fullmatch(name):
            raise UsageError(f"'{name}' is no name of a key: lower case, digits and hyphens")
        return self.path / f"{name}.key"


@dataclass(frozen=True, slots=True)
class ToolKey:
    """The key that the de-identification tool uses, and where it lies.

    Attributes:
        path: its file; None if it came from the environment. new: it was made just now.
    """

    key: SiteKey
    path: Path | None = None
    new: bool = False


def key_of_tool(site: str, path: Path | None = None) -> ToolKey:
    """The key from a file, else from the environment, else from the user's own folder of keys.

    There is no default key: where none is found, one is made in ``own_keys()``, 0600.

    Raises:
        UsageError: the named file is not there, others may read it, or the key is weak.
    """
    if path is not None:
        if not path.is_file():
            raise UsageError(
                f"there is no key {path}: make one with "
                f"`(umask 077; openssl rand -hex 32 > {path})`, and keep it"
            )
        return ToolKey(SiteKey.of(site, secret_from_file(path)), path)
    if (given := _from_environment(site)) is not None:
        return ToolKey(SiteKey.of(site, given))
    vault = Vault(own_keys())
    new = not vault.has(site)
    return ToolKey(vault.create(site) if new else vault.load(site), vault.file(site), new)


def own_keys() -> Path:
    """Where the tool keeps keys: ``$XDG_CONFIG_HOME/echoatlas/keys``, else below ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "echoatlas" / "keys"


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new secret in hexadecimal, readable by its owner alone.

    Raises:
        UsageError: there is one already, or it can't be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"there is a key already, in {path}") from None
    except OSError as error:
        raise UsageError(f"cannot write {path} ({os.strerror(error.errno or 0)})") from None
    with os.fdopen(handle, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _from_environment(name: str) -> bytes | None:
    variable = f"ECHOATLAS_KEY_{name.upper().replace('-', '_')}"
    if text := os.environ.get(variable):
        return _parsed(text, variable)
    if place := os.environ.get(f"{variable}_FILE"):
        return secret_from_file(Path(place))
    return None


def secret_from_file(path: Path) -> bytes:
    """The secret in a file.

    Raises:
        UsageError: it can't be read, others may read it, or it is not hexadecimal.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key: {unreadable(path, error)}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"others may read the key {path}: chmod 600 {path}")
    return _parsed(text, str(path))


def _parsed(text: str, where: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        raise UsageError(
            f"{where} holds no key: 64 hex digits are expected (`openssl rand -hex 32`)"
        ) from None

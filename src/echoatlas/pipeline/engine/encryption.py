"""Work and answers, sealed for their way through a cluster.

They hold names of files, cells of tables and a site's key. What is too large for a message Ray
keeps in its object store, which it writes to a disk when it is full; nobody can read it there.
The key itself, a few bytes, goes with each message and is never stored.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes


def new_key() -> bytes:
    """A key for the work of one driver, kept in memory alone."""
    return AESGCM.generate_key(256)


def seal(key: bytes, pickled: bytes) -> bytes:
    """Pickled objects as whoever has not the key sees them (AES-256-GCM)."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, pickled, None)


def unseal(key: bytes, data: bytes) -> Any:
    """The objects again.

    Raises:
        cryptography.exceptions.InvalidTag: another key, or other bytes.
    """
    return pickle.loads(AESGCM(key).decrypt(data[:NONCE], data[NONCE:], None))

"""How the loops of deduplication are compiled: one thread, no order of a hash table."""

from __future__ import annotations

import numba

compiled = numba.njit(cache=True, nogil=True, boundscheck=False)

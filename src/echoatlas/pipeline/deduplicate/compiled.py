"""How the loops of deduplication are compiled: one thread, no order of a hash table."""

from __future__ import annotations

from echoatlas.pipeline.forgo import forgo

with forgo("scipy"):  # whose linear algebra no loop asks for, and takes as long as numba itself
    import numba
    import numba.np.arraymath

compiled = numba.njit(cache=True, nogil=True, boundscheck=False)

"""The compiled loops of bands of codes that are kept (``kept_codes`` says what they are for)."""

from __future__ import annotations

from typing import Any

import numpy as np

from echoatlas.pipeline.deduplicate.compiled import compiled
from echoatlas.pipeline.deduplicate.hamming_kernels import apart


@compiled
def stretches(keys: Any, words: Any, owners: Any, second: Any, most: int) -> Any:
    """Codes beside each other, of one owner and kind, that have the same key and are near.

    Args:
        keys: (P, N) of each piece. most: bits that a code may be from its stretch's first.

    Returns:
        Of each piece where its stretches begin, (P + 1,); of each stretch its key, its first row
        and how far its codes are from that, (S,).
    """
    pieces, count = keys.shape[0], len(words)
    spans = np.zeros(pieces + 1, np.int64)
    found, firsts = np.empty(1024, np.uint16), np.empty(1024, np.int32)
    widths = np.empty(1024, np.uint8)
    made = 0
    for piece in range(pieces):
        first = 0
        for row in range(count):
            same = (
                row > 0
                and keys[piece, row] == keys[piece, row - 1]
                and owners[row] == owners[row - 1]
                and second[row] == second[row - 1]
            )
            if same:
                distance = apart(words[row], words[first])
                if distance <= most:
                    widths[made - 1] = max(np.int64(widths[made - 1]), distance)
                    continue
            if made == len(found):
                found, firsts = np.append(found, found), np.append(firsts, firsts)
                widths = np.append(widths, widths)
            first = row
            found[made], firsts[made], widths[made] = keys[piece, row], row, 0
            made += 1
        spans[piece + 1] = made
    return spans, found[:made].copy(), firsts[:made].copy(), widths[:made].copy()


@compiled
def touch(
    words: Any,
    owners: Any,
    second: Any,
    keys: Any,
    firsts: Any,
    widths: Any,
    spans: Any,
    here: Any,
    radius: int,
    touched: Any,
) -> None:
    """Note which owners have a code near to one of a few that lie by key.

    Args:
        keys, firsts, widths: of the stretches of one piece.
        spans, here: the few, as of ``hamming_kernels.spread_entries``: codes of the second kind
            meet those of the first alone.
        touched: (O,) is set where one is near.
    """
    few = np.ascontiguousarray(here.T)
    for at in range(len(keys)):
        key, first = np.int64(keys[at]), np.int64(firsts[at])
        begin, end = np.int64(spans[key, 0]), np.int64(spans[key, 1 if second[first] else 2])
        if begin == end or touched[owners[first]]:
            continue
        stop = np.int64(firsts[at + 1]) if at + 1 < len(firsts) else len(words)
        for place in range(begin, end):
            if apart(words[first], few[place]) > radius + np.int64(widths[at]):
                continue
            for row in range(first, stop):
                if apart(words[row], few[place]) <= radius:
                    touched[owners[first]] = True
                    break
            if touched[owners[first]]:
                break

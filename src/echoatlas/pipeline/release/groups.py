"""Groups of patients who have to stay together: all that anything ties, however indirectly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.lake.components import smallest_tied
from echoatlas.pipeline.lake.join import coded, distinct_pairs, places
from echoatlas.pipeline.release.kin import GROUP, KIN, TIES


def groups(index: pa.Table) -> tuple[pa.Array, NDArray[np.int64]]:
    """Names of the groups, in order, and the number of each row's: rows that share a patient,
    study or picture share it.

    The name is the smallest patient of the group, so that it stays when other data are added;
    patients whom only copies outside of ``index`` tie to it (``kin``) count as well.
    """
    own, own_names = coded(index.column("patient"))
    kin, kin_names = coded(index.column(GROUP if GROUP in index.column_names else "patient"))
    patients = pc.unique(pa.concat_arrays([own_names, kin_names]))
    patients = patients.take(pc.sort_indices(patients))  # a number is a place in order of names
    start = places(own_names, patients)[own]
    pairs = [np.stack([start, places(kin_names, patients)[kin]])]
    nodes = len(patients)
    for tie in TIES[1:]:
        if tie not in index.column_names:
            continue
        codes, known = coded(index.column(tie))
        stated = ~np.isin(codes, places(pa.array(["", None], known.type), known))
        pairs.append(np.stack([start, nodes + codes])[:, stated])
        nodes += len(known)
    # Each group holds a patient, and these are the first nodes: the smallest is one of them
    least = smallest_tied(nodes, *np.concatenate(pairs, axis=1))[: len(patients)]
    smallest, number = np.unique(least, return_inverse=True)
    return patients.take(pa.array(smallest)), number[start]


@dataclass(frozen=True, slots=True)
class GroupedPatients:
    """Which patients each group is of, also those whom only copies name.

    Attributes:
        group, patient: of each pair of both, in order of groups, then of patients' names.
        split: of each pair, where an earlier release had the patient, a number; -1 if none had.
        splits: what the numbers mean.
    """

    group: NDArray[np.int64]
    patient: NDArray[np.int64]
    split: NDArray[np.int64]
    splits: list[str]

    @staticmethod
    def of(index: pa.Table, rows: NDArray[np.int64], earlier: pa.Table | None) -> GroupedPatients:
        """Of an index, given the group of each row."""
        own, names = coded(index.column("patient"))
        some = [(rows, own, names)]
        if KIN in index.column_names:
            said, texts = coded(index.column(KIN))
            words = pc.split_pattern(texts, " ")
            each = np.repeat(np.arange(len(texts)), np.diff(words.offsets.to_numpy()))
            holder, held = distinct_pairs(rows, said)
            starts, counts = words.offsets.to_numpy()[:-1], np.bincount(each, minlength=len(texts))
            taken = _ranges(starts[held], counts[held])
            mine = np.repeat(holder, counts[held])
            codes, known = coded(words.flatten())
            stated = codes[taken] != places(pa.array([""], known.type), known)[0]
            some.append((mine[stated], codes[taken][stated], known))
        known = pc.unique(pa.concat_arrays([one for _, _, one in some]))
        known = known.take(pc.sort_indices(known))
        pairs = np.concatenate(
            [np.stack([mine, places(theirs, known)[codes]]) for mine, codes, theirs in some], axis=1
        )
        group, patient = distinct_pairs(*pairs)
        was, splits = _earlier_of(known, earlier)
        return GroupedPatients(group, patient, was[patient], splits)

    def before(self, number: int, names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(groups, splits) how many patients earlier releases had in each of today's splits; and
        (groups,) the split of the first patient that any had, -1 if that is none of today's."""
        today = np.array([names.index(one) if one in names else -1 for one in [*self.splits, ""]])
        now = today[self.split]
        counts = np.zeros((number, len(names)), np.int64)
        np.add.at(counts, (self.group[now >= 0], now[now >= 0]), 1)
        first = np.full(number, -1, np.int64)
        known = np.flatnonzero(self.split >= 0)[::-1]
        first[self.group[known]] = now[known]  # the last that is written is the first
        return counts, first


def _ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places from each start on, as many as are counted."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)


def _earlier_of(known: pa.Array, earlier: pa.Table | None) -> tuple[NDArray[np.int64], list[str]]:
    """The split of each patient in earlier releases, a number, and what the numbers mean."""
    if earlier is None:
        return np.full(len(known), -1, np.int64), []
    codes, splits = coded(earlier.column("split"))
    at = places(known, earlier.column("patient").combine_chunks())
    return np.where(at < 0, -1, np.append(codes, -1)[at]), splits.to_pylist()

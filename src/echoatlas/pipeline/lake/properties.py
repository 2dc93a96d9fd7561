"""How a table is made, how its files are written, and what its commits say."""

from __future__ import annotations

import json

from deltalake import ColumnProperties, CommitProperties, Transaction, WriterProperties
from deltalake.transaction import AddAction

from echoatlas.pipeline.lake.staged import Part, counted
from echoatlas.schemas.tables import TABLES, columns, schema

CHECKPOINT_EVERY = "20"
# Else Delta forgets after 30 days how to read a version, which a release may have pinned
KEPT_LOG = {"delta.enableExpiredLogCleanup": "false"}


def configuration_of(name: str) -> dict[str, str | None]:
    """The configuration that a table is made with."""
    kept = [column for column in columns(TABLES[name].row) if column in counted(name)]
    return {
        # Statistics would keep what an erasure has to forget
        "delta.dataSkippingStatsColumns": ",".join(kept),
        "delta.checkpointInterval": CHECKPOINT_EVERY,
        **KEPT_LOG,
    }


def added_file(part: Part, *, new: bool = True) -> AddAction:
    """The action that makes a staged file part of its table.

    Args:
        new: whether its rows were not in the table before.
    """
    return AddAction(part.path, part.size, {}, 0, new, json.dumps({"numRecords": part.rows}))


def properties_of(name: str) -> WriterProperties:
    """How files are written: no statistics of columns that speak of one patient."""
    silent = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    hidden = [column for column in schema(name).names if column not in counted(name)]
    return WriterProperties(compression="ZSTD", column_properties=dict.fromkeys(hidden, silent))


def once(*transactions: str) -> CommitProperties:
    """Have a commit done once, by the transactions that it stands for."""
    return CommitProperties(
        custom_metadata={"transaction": transactions[0]},
        app_transactions=[Transaction(one, 0) for one in transactions],
    )

"""The words of the event log: closed lists, so that nothing of a record can stand in it."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What happened."""

    STARTED = "started"
    SITE_LISTED = "site_listed"
    STAGE_BEGUN = "stage_begun"
    GROUP_COMMITTED = "group_committed"
    HELD_BACK = "held_back"
    REJECTED = "rejected"
    STAGE_ENDED = "stage_ended"
    ENDED = "ended"


class Stage(StrEnum):
    """What a command was at: the value of ``step``."""

    RECOVER = "recover"
    LISTING = "listing"
    NAMING = "naming"
    SURVEY = "survey"
    OBJECTS = "objects"
    HEADERS = "headers"
    LABELS = "labels"
    DUPLICATES = "duplicates"
    GATE = "gate"
    RECEIPTS = "receipts"
    SELECT = "select"
    SHARD = "shard"
    PUBLISH = "publish"
    VERIFY = "verify"
    FIND = "find"
    ERASE = "erase"
    REDACT = "redact"
    PURGE = "purge"
    PROVE = "prove"


class Ending(StrEnum):
    """How a command or a stage ended: the value of ``reason``, beside the reasons of rejections."""

    DONE = "done"
    FAILED = "failed"  # it came to its end, and a check or an object did not pass
    WRONG_USAGE = "wrong_usage"
    OUT_OF_REACH = "out_of_reach"  # storage or network, time and again
    STOPPED = "stopped"  # by a person or the system
    BROKEN = "broken"  # a bug of ours

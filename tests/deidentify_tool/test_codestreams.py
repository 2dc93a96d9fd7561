"""Nothing that lies in or about a codestream comes out of the tool."""

from __future__ import annotations

import pytest

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify_tool.run import deidentify_files
from tests.helpers.codestreams import FILES, codestreams
from tests.helpers.scorer import leaked


@pytest.fixture(scope="module")
def traps():
    return list(codestreams())


def test_no_codestream_carries_a_name_out(traps, key, tmp_path):
    src = tmp_path / "in"
    src.mkdir()
    for trap in traps:
        (src / trap.name).write_bytes(trap.data)
    planted = [one for trap in traps for one in trap.planted]

    done = deidentify_files(src, tmp_path / "out", Policy(), key, tmp_path / "report.json")

    # What is held back is no proof; the one with more pixels than its header tells of has to be
    assert done.reasons == {"unreadable": 1}
    assert done.counts["released"] == len(FILES) - 1
    assert leaked([tmp_path / "out", tmp_path / "report.json"], planted) == []


def test_each_codestream_carries_what_was_planted(traps):
    for trap in traps:
        assert trap.planted, trap.name
        assert list(trap.planted) == leaked([trap.data], trap.planted), trap.name

"""The Terraform files are whole, and give a site the same policy as the command line does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import hcl2
import pytest
import tfparse

from echoatlas.pipeline.sites.policy import NAME, site_policy
from echoatlas.pipeline.storage.storage import S3Storage
from echoatlas.schemas.config.deployment import Zone

FOLDER = Path(__file__).parents[2] / "infra" / "terraform"
VALUES = {
    "data.aws_partition.this.partition": "aws",
    "var.bucket": "uploads",
    "each.value": "st-elsewhere",
}


def plain(value: Any) -> Any:
    """What the parser gives, without the quotes that some of its versions leave on."""
    if isinstance(value, dict):
        return {
            plain(key): plain(one) for key, one in value.items() if not str(key).startswith("__")
        }
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.strip('"') if isinstance(value, str) else value


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[Any]]:
    """All top-level blocks by kind."""
    found: dict[str, list[Any]] = {}
    for file in sorted(FOLDER.glob("*.tf")):
        with file.open("r", encoding="utf-8") as stream:
            for kind, some in plain(hcl2.load(stream)).items():
                found.setdefault(kind, []).extend(some)
    return found


def one(blocks: dict[str, list[Any]], kind: str, type_: str, name: str) -> Any:
    return next(b[type_][name] for b in blocks[kind] if type_ in b and name in b[type_])


def filled(text: str) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda match: VALUES[match[1].strip()], text)


def test_a_site_gets_the_policy_that_the_command_line_writes(
    blocks: dict[str, list[Any]],
) -> None:
    stated = one(blocks, "data", "aws_iam_policy_document", "site")["statement"]
    written = site_policy(S3Storage("s3://uploads/st-elsewhere", Zone()))["Statement"]

    found = []
    for statement in stated:
        said: dict[str, Any] = {
            "Sid": statement["sid"],
            "Effect": statement["effect"],
            "Action": statement["actions"],
            "Resource": [filled(arn) for arn in statement["resources"]],
        }
        for condition in statement.get("condition", ()):
            values = [filled(value) for value in condition["values"]]
            said["Condition"] = {condition["test"]: {condition["variable"]: values}}
        found.append(said)

    assert found == written
    assert one(blocks, "resource", "aws_iam_user_policy", "site")["name"] == NAME


def test_nobody_else_can_open_the_bucket(blocks: dict[str, list[Any]]) -> None:
    closed = one(blocks, "resource", "aws_s3_bucket_public_access_block", "intake")
    lifecycle = one(blocks, "resource", "aws_s3_bucket_lifecycle_configuration", "intake")

    assert {name: value for name, value in closed.items() if name != "bucket"} == dict.fromkeys(
        (
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        ),
        True,
    )
    assert any("abort_incomplete_multipart_upload" in rule for rule in lifecycle["rule"])
    assert not [block for block in blocks["resource"] if "aws_iam_access_key" in block]


def test_whatever_is_referred_to_is_there(blocks: dict[str, list[Any]]) -> None:
    text = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.tf"))
    made = {
        f"{type_}.{name}" for b in blocks["resource"] for type_, some in b.items() for name in some
    }
    read = {
        f"data.{type_}.{name}" for b in blocks["data"] for type_, some in b.items() for name in some
    }
    variables = {f"var.{name}" for b in blocks["variable"] for name in b}

    assert set(re.findall(r"\bvar\.\w+", text)) == variables
    assert set(re.findall(r"\bdata\.\w+\.\w+", text)) == read
    assert set(re.findall(r"(?<!data\.)\baws_\w+\.\w+", text)) <= made


def test_evaluated_for_two_sites_each_gets_a_user_and_a_policy_for_its_own_prefix(
    tmp_path: Path,
) -> None:
    shutil.copytree(FOLDER, tmp_path / "terraform")
    (tmp_path / "terraform" / "terraform.tfvars").write_text(
        'bucket = "uploads"\nsites = ["st-elsewhere", "qilu"]\n'
    )

    made = tfparse.load_from_path(tmp_path / "terraform", vars_paths=["terraform.tfvars"])

    policies = {}
    for one in made["aws_iam_policy_document"]:
        if "for_each" in one:
            _, site, _ = one["__tfmeta"]["path"].split('"')
            (listed,) = (each for each in one["statement"] if each["sid"] == "ListOwn")
            policies[site] = listed["condition"]["values"]
    assert policies == {
        site: [f"{site}/", f"{site}/*", f"_receipts/{site}/", f"_receipts/{site}/*"]
        for site in ("qilu", "st-elsewhere")
    }
    assert {one["name"] for one in made["aws_iam_user"]} == {
        "echoatlas-qilu",
        "echoatlas-st-elsewhere",
    }
    assert [one["bucket"] for one in made["aws_s3_bucket"]] == ["uploads"]
    assert {one["name"] for one in made["aws_iam_user_policy"]} == {NAME}

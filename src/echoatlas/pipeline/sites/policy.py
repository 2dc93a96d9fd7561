"""What a site may do in its bucket: put and list its own prefix, read its receipts, nothing else.

The policy only allows: services other than AWS refuse policies of users that deny (SeaweedFS 4.48).
So receipts lie beside the site's prefix and not in it, where what it may put would be written over
them. Only a site with a whole bucket has them within, and its policy has to deny.

It neither reads nor deletes what the site dropped: lost keys of a site give nothing away, and
nothing that arrived can be taken back with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.apart import sharing, steps_of
from echoatlas.pipeline.ingest.uploads import RECEIPTS
from echoatlas.pipeline.storage.s3_client import s3_client, service_faults
from echoatlas.pipeline.storage.whereabouts import lie_within, steps_to

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.storage.storage import S3Storage
    from echoatlas.schemas.config.site import SiteConfig

NAME = "echoatlas-uploads"  # of the policy within its user
WILD = "*?$"  # IAM takes these for patterns and variables, wherever they stand in a resource
PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


def site_policy(bucket: S3Storage) -> dict[str, Any]:
    """The policy of a site's user, as IAM and its likes take it.

    Raises:
        UsageError: the prefix holds what IAM would take for a pattern.
    """
    if any(one in bucket.prefix for one in WILD):
        raise UsageError(
            f"{bucket.uri}: a prefix with any of {' '.join(WILD)} can't be told from a pattern in "
            "a policy; choose another"
        )
    partition = next((p for head, p in PARTITIONS if bucket.zone.region.startswith(head)), "aws")
    whole = f"arn:{partition}:s3:::{bucket.bucket}"
    own = f"{whole}/{bucket.prefix}"
    listing: dict[str, Any] = {
        "Sid": "ListOwn",
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": [whole],
    }
    if bucket.prefix:
        # Not the prefix without its slash: that would list the neighbors whose names begin alike
        receipts = f"{RECEIPTS}{bucket.prefix}"
        places = [bucket.prefix, f"{bucket.prefix}*", receipts, f"{receipts}*"]
        listing["Condition"] = {"StringLike": {"s3:prefix": places}}
    statements = [
        {
            "Sid": "PutOwn",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": [f"{own}*"],
        },
        listing,
        {
            "Sid": "ReadReceipts",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [f"{whole}/{RECEIPTS}{bucket.prefix}*"],
        },
    ]
    if not bucket.prefix:
        statements.append(
            {
                "Sid": "KeepReceipts",
                "Effect": "Deny",
                "Action": ["s3:PutObject"],
                "Resource": [f"{whole}/{RECEIPTS}*"],
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def demand_apart(deployment: Deployment, site: SiteConfig) -> None:
    """Refuse a site whose bucket is, or lies within, another's or a place of the deployment's own:
    each would see the other's names, and what lies in both would be taken in twice.

    Raises:
        UsageError: names the other site or place.
    """
    root = deployment.root
    mine = steps_of(root, site.bucket)
    if mine[0] == "s3" and f"{'/'.join(mine[2:])}/".startswith(RECEIPTS):
        raise UsageError(f"{site.bucket}: receipts of all sites lie there; choose another prefix")
    for name, place in _own_places(deployment):
        if lie_within(mine, steps_to(root, place)):
            raise UsageError(
                f"{site.bucket} and this deployment's {name}, {place}, lie within each other: a "
                "site needs a place of its own"
            )
    others = {**deployment.sites, site.site: site}
    for other in sharing(root, others.values()).get(site.site, ()):
        raise UsageError(
            f"{site.bucket} and the bucket of site '{other}', {others[other].bucket}, lie within "
            "each other: each site needs a prefix of its own"
        )


def _own_places(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """What a deployment keeps, and where: no place for what strangers put or for what we read."""
    config = deployment.config
    yield "folder of keys", config.vault
    yield "folder of sites", config.sites
    yield "lake", deployment.lake.storage.uri
    yield "releases", deployment.releases.uri


def make_bucket(bucket: S3Storage) -> bool:
    """Make a site's bucket if it is not there.

    Returns:
        Whether it was made.

    Raises:
        UsageError: it may not be made, or is somebody else's.
    """
    from botocore.exceptions import ClientError

    with service_faults(bucket):
        client = s3_client(bucket)
        try:
            client.head_bucket(Bucket=bucket.bucket)
            return False
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
        region = bucket.zone.region
        more: dict[str, Any] = {}
        if region != "us-east-1":  # which alone may not be named
            more["CreateBucketConfiguration"] = {"LocationConstraint": region}
        client.create_bucket(Bucket=bucket.bucket, **more)
        return True


def make_user(bucket: S3Storage, name: str) -> tuple[str, str]:
    """Make the site's user with its policy alone, and a key for it; a user that is there keeps its
    keys and gets the policy anew.

    Returns:
        Access key and secret; two empty texts where the user has a key already.

    Raises:
        UsageError: the service has no such interface, or it may not be used.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    policy = json.dumps(site_policy(bucket))
    try:
        client = s3_client(bucket, "iam")
        with suppress(client.exceptions.EntityAlreadyExistsException):
            client.create_user(UserName=name)
        client.put_user_policy(UserName=name, PolicyName=NAME, PolicyDocument=policy)
        if client.list_access_keys(UserName=name).get("AccessKeyMetadata"):
            return "", ""
        key = client.create_access_key(UserName=name)["AccessKey"]
    except (ClientError, BotoCoreError) as error:
        said = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        if said == "MalformedPolicyDocument" and not bucket.prefix:
            raise UsageError(
                "this service can't keep a site from writing over its receipts in a bucket of its "
                f"own: give the site a prefix, as {bucket.uri}/uploads/"
            ) from None
        raise UsageError(
            f"no user could be made for {bucket.uri} ({said}): make one with this service's own "
            "tool and give it the policy that lies in policy.json"
        ) from None
    return str(key["AccessKeyId"]), str(key["SecretAccessKey"])

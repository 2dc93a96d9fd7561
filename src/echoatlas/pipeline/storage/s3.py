"""What an S3 service refuses, told apart: whose mistake it is, and what to do about it.

The clients below us (obstore, delta-rs) give one error for a wrong secret, a missing bucket and a
dead endpoint; only their text, which quotes the service's answer, says which. Of that text nothing
goes on but the service's own code for what it refused.
"""

from __future__ import annotations

import os
import re
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore import exceptions as refused
from obstore.store import S3Store

from echoatlas.errors import Exhausted, Retry, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.schemas.config.deployment import Zone

METADATA = ("169.254.169.254", 80)  # where a cloud's machine is told its role
# Where clients look for credentials besides the variables that a zone names
ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
# The service's codes (Amazon S3 API reference, "Error responses"), and what they mean to a user
DENIED = {
    "SignatureDoesNotMatch": "the secret key is not the one of this access key",
    "InvalidAccessKeyId": "the service knows no such access key",
    "ExpiredToken": "the session token has expired",
    "InvalidToken": "the session token is not valid",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "AccountProblem": "the account may not use the service",
    "AccessDenied": "these credentials may not do this",
}
ELSEWHERE = re.compile(r"\b(PermanentRedirect|AuthorizationHeaderMalformed|IncorrectEndpoint)\b")
NO_CREDENTIALS = re.compile(
    r"169\.254\.(169\.254|170\.2\b)|AssumeRole|[Cc]redentials? ?[Pp]rovider|locate credentials"
    r"|CredentialsNotLoaded|load credentials|Missing ?[Cc]redentials"
)
UNREACHED = re.compile(
    r"error sending request|connect error|dns error|error trying to connect|[Cc]onnection refused"
    r"|[Cc]ould not connect|SSL validation failed|timed out|operation timed"
    r"|[Cc]onnection (reset|closed)"
)
ADDRESS = re.compile(r"https?://[^\s/@?#]+(@[^\s/@?#]+)?(/\S*)?")
BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")  # what any service takes, of AWS the oldest buckets
ASKED_AGAIN = re.compile(r"after ([3-9]|\d\d+) retries")
STATUS = re.compile(r"(?:status code|status): ?(\d{3})")


class BeyondEnd(Retry):
    """What was asked for lies behind the end of an object: it is shorter than it was."""


def s3_fault(text: str, uri: str, zone: Zone) -> UsageError | Retry:
    """The error for what a client says of a request that did not succeed.

    Args:
        text: of the client's error; the part after "Debug source" says nothing new.
        uri: what was asked for, as ``s3://bucket/prefix``.
        zone: names the endpoint, and the variables that hold the credentials.
    """
    said = text.partition("Debug source")[0]
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if NO_CREDENTIALS.search(said):
        return no_credentials(uri, zone)
    if "NoSuchBucket" in said:
        return UsageError(f"no such bucket: '{bucket}' at {endpoint(zone)}")
    if ELSEWHERE.search(said):
        return UsageError(
            f"bucket '{bucket}' lies in another region than '{zone.region}': name its own in "
            "'zones' of echoatlas.yaml"
        )
    status = STATUS.search(said)
    code = next((one for one in DENIED if one in said), "")
    if code or (status and status[1] in ("401", "403")):
        why = f" ({DENIED[code]})" if code else ""
        return UsageError(
            f"access denied to {uri}{why}: check {zone.access_key_env} and {zone.secret_key_env}"
        )
    fault = Exhausted if ASKED_AGAIN.search(said) else Retry
    if status and status[1] == "416":
        fault = BeyondEnd
    if UNREACHED.search(said) and not status:
        return fault(f"cannot reach {endpoint(zone)} for {uri}")
    told = f"status {status[1]}" if status else "an error of the service"
    return fault(f"{endpoint(zone)} does not answer as it should for {uri} ({told})")


def demand_credentials(uri: str, zone: Zone) -> None:
    """Find out before the first request whether there is anything to sign it with.

    Clients look for a role of this machine where they are given nothing, for minutes.

    Raises:
        UsageError: there is nothing; says where was looked.
    """
    held = [bool(os.environ.get(name)) for name in (zone.access_key_env, zone.secret_key_env)]
    if all(held):
        return
    if any(held) or not (any(os.environ.get(name) for name in ROLES) or _has_metadata()):
        raise no_credentials(uri, zone)


def demand_address(uri: str, zone: Zone) -> None:
    """Find out before the first request whether there can be such a service and such a bucket.

    Of an address that is none clients raise errors of their own kinds, or end in a panic.

    Raises:
        UsageError: the endpoint is no URL, or no bucket can have that name.
    """
    place = zone.endpoint or os.environ.get("AWS_ENDPOINT_URL")
    if place and not (ADDRESS.fullmatch(place) and _has_port(place)):
        raise UsageError(
            "the endpoint of the S3 service is no address such as https://HOST:9000: look at "
            "'zones' in echoatlas.yaml and at AWS_ENDPOINT_URL"
        )
    bucket = uri.removeprefix("s3://").partition("/")[0]
    if uri.startswith("s3://") and not BUCKET.fullmatch(bucket):
        raise UsageError(
            f"no bucket can have the name '{bucket}': 3 to 63 lower-case letters, digits, dots "
            "and hyphens"
        )


def _has_port(place: str) -> bool:
    """Whether a URL's port, if it has one, can be a port."""
    try:
        return urlsplit(place).port != 0 and bool(urlsplit(place).hostname)
    except ValueError:
        return False


def s3_options(uri: str, zone: Zone) -> dict[str, str]:
    """What a client of a zone is set with, by the names of the variables that say it elsewhere.

    Raises:
        UsageError: there are no credentials, or no such address.
    """
    demand_address(uri, zone)
    demand_credentials(uri, zone)
    named = {
        "AWS_ENDPOINT_URL": zone.endpoint or os.environ.get("AWS_ENDPOINT_URL"),
        "AWS_REGION": zone.region,
        "AWS_ACCESS_KEY_ID": os.environ.get(zone.access_key_env),
        "AWS_SECRET_ACCESS_KEY": os.environ.get(zone.secret_key_env),
        "AWS_SESSION_TOKEN": os.environ.get(zone.session_token_env),
        "AWS_ALLOW_HTTP": "true",
    }
    return {name: value for name, value in named.items() if value}


def s3_store(bucket: str, region: str, options: Mapping[str, str]) -> S3Store:
    """A client of a bucket, set with ``s3_options``."""
    named = {
        "endpoint": options.get("AWS_ENDPOINT_URL"),
        "access_key_id": options.get("AWS_ACCESS_KEY_ID"),
        "secret_access_key": options.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": options.get("AWS_SESSION_TOKEN"),
    }
    return S3Store(
        bucket,
        region=region,
        client_options={"allow_http": True, "timeout": "60s"},
        retry_config={"max_retries": 3},
        **{name: value for name, value in named.items() if value},  # type: ignore[arg-type]
    )


def no_credentials(uri: str, zone: Zone) -> UsageError:
    """The error for requests that nothing can sign."""
    return UsageError(
        f"no credentials found for {uri} (looked at {zone.access_key_env} and "
        f"{zone.secret_key_env}, both needed, and at a web identity and roles of container and "
        "machine; ~/.aws is not read)"
    )


def endpoint(zone: Zone) -> str:
    """The service's address, without what may be secret in it."""
    place = zone.endpoint or os.environ.get("AWS_ENDPOINT_URL")
    if not place:
        return f"AWS S3 ({zone.region})"
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@cache
def _has_metadata() -> bool:
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    try:
        with socket.create_connection(METADATA, timeout=1):
            return True
    except OSError:
        return False


class _Threads:
    """Whether the threads that speak with S3 live in this process."""

    begun = False
    lost = False


def _forked() -> None:
    _Threads.lost = _Threads.begun


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def is_cut_off() -> bool:
    """Whether this process was forked from one that spoke with S3.

    The threads that do so are not in the child: whatever it asked would never be answered.
    """
    return _Threads.lost


class remote_faults:  # noqa: N801  (see ``local_faults``)
    """Tells a user's mistake (no such bucket, no permission) from a failing service."""

    def __init__(self, uri: str, zone: Zone) -> None:
        self.uri = uri
        self.zone = zone

    def __enter__(self) -> None:
        if is_cut_off():
            raise UsageError(
                "S3 can't be reached from a forked process: start it anew "
                '(DataLoader(..., multiprocessing_context="spawn"))'
            )
        _Threads.begun = True

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        # Where a key is not there obstore raises Python's own error, which is not of its base
        if isinstance(error, refused.NotFoundError | FileNotFoundError):
            if "NoSuchBucket" not in str(error):
                raise FileNotFoundError(self.uri) from None
            raise s3_fault(str(error), self.uri, self.zone) from None
        if isinstance(error, ValueError) and "parse path" in str(error):
            raise FileNotFoundError(self.uri) from None  # no key that can be asked for
        if isinstance(error, refused.BaseError):
            raise s3_fault(str(error), self.uri, self.zone) from None

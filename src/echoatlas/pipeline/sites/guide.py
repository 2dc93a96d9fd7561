"""The one page that a site's IT person needs: where to send what, how, and what is checked."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.ingest.uploads import RECEIPTS
from echoatlas.pipeline.templates import filled

if TYPE_CHECKING:
    from echoatlas.pipeline.sites.presign import Form
    from echoatlas.pipeline.storage.storage import S3Storage
    from echoatlas.schemas.config.site import SiteConfig

EXAMPLE = "upload-1"  # the folder that the commands send
# Of what is there rclone asks for times, or for digests of what was sent in parts, and may not:
# then it fails. Digests of whole files come with the listing (ETag)
BY_DIGEST = ("--checksum", "--s3-upload-cutoff", "5Gi")
# What a site most often asks about: each with the sentence that its receipts would say
ASKED = (
    Reason.NOT_ULTRASOUND,
    Reason.UNREADABLE,
    Reason.NO_FAN,
    Reason.RESIDUAL_TEXT,
    Reason.NOT_IMAGING,
    Reason.UNSAFE_ARCHIVE,
    Reason.BAD_NAME,
)
# What a client says, and whose turn it is then
WRONG = (
    ("AccessDenied, Forbidden", "Another place than yours, or a command that reads back, deletes "
     "or makes a bucket: use the commands as they stand here."),
    ("InvalidAccessKeyId, SignatureDoesNotMatch", "The key is not the one that you were given: "
     "look for blanks at its ends."),
    ("LoadCustomCABundleError", "Older versions of rclone don't take AWS_CA_BUNDLE: unset it, and "
     "name that file by --ca-cert."),
    ("RequestTimeTooSkewed", "The clock of your machine is wrong."),
    ("Policy expired", "A form that was signed for you is too old: ask for another."),
    ("EntityTooLarge", "A file is larger than your form allows: send it without the form, or ask."),
    ("a receipt says: pending", "Nothing to do: no run has taken it yet, or a person looks at it "
     "first, as it is not like what you sent before."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Commands:
    """What is typed, for a POSIX shell: each a whole command."""

    aws_send: str
    aws_one: str
    aws_done: str
    aws_receipt: str
    rclone_send: str
    rclone_again: str
    manifest: str


def commands(bucket: S3Storage, site: SiteConfig) -> Commands:
    """The commands for a site's own prefix; each asks for credentials in the environment."""
    endpoint = bucket.options().get("AWS_ENDPOINT_URL")
    place = f"s3://{bucket.bucket}/{bucket.prefix}"
    aws = ["aws", *(["--endpoint-url", endpoint] if endpoint else []), "s3", "cp"]
    aws[1:1] = ["--region", bucket.zone.region]
    provider = f'provider=Other,endpoint="{endpoint}"' if endpoint else "provider=AWS"
    # The site may not read what it sent, nor make buckets: rclone must not try
    remote = (
        f":s3,{provider},env_auth,region={bucket.zone.region},no_check_bucket,no_head:"
        f"{bucket.bucket}/{bucket.prefix}{EXAMPLE}"
    )
    rule = site.uploads
    return Commands(
        aws_send=shlex.join([*aws, EXAMPLE, f"{place}{EXAMPLE}/", "--recursive"]),
        aws_one=shlex.join([*aws, f"{EXAMPLE}/scan.dcm", f"{place}{EXAMPLE}/scan.dcm"]),
        aws_done=shlex.join([*aws, "-", f"{place}{EXAMPLE}/{rule.marker}"]) + " < /dev/null",
        aws_receipt=shlex.join(
            [
                *aws,
                f"s3://{bucket.bucket}/{RECEIPTS}{bucket.prefix}{EXAMPLE}.html",
                f"{EXAMPLE}.html",
            ]
        ),
        rclone_send=shlex.join(["rclone", "copy", *BY_DIGEST, EXAMPLE, remote]),
        rclone_again=shlex.join(["rclone", "copy", "--ignore-times", EXAMPLE, remote]),
        manifest=f"(cd {EXAMPLE} && find . -type f ! -name {shlex.quote(rule.manifest)} "
        f"-exec sha256sum {{}} + > {shlex.quote(rule.manifest)})",
    )


def guide(bucket: S3Storage, site: SiteConfig) -> tuple[str, str]:
    """The page as HTML, which opens anywhere, and as plain text."""
    said: dict[str, Any] = {
        "site": site.site,
        "rule": site.uploads,
        "endpoint": bucket.options().get("AWS_ENDPOINT_URL") or "AWS S3",
        "region": bucket.zone.region,
        "bucket": bucket.bucket,
        "prefix": bucket.prefix,
        "receipts": f"{RECEIPTS}{bucket.prefix}",
        "upload": EXAMPLE,
        "commands": asdict(commands(bucket, site)),
        "asked": [one.sentence for one in ASKED],
        "wrong": WRONG,
    }
    return _rendered("guide.html.j2", said), _rendered("guide.txt.j2", said)


def form_page(site: SiteConfig, form: Form) -> str:
    """A page with the form, for a browser: one file at a time, such as a ZIP."""
    return _rendered("form.html.j2", {"site": site.site, "form": form})


def form_script(form: Form) -> str:
    """The same for a shell: sends each of the files that it is given, by curl."""
    fields = " ".join(f"-F {shlex.quote(f'{name}={text}')}" for name, text in form.fields.items())
    return (
        "#!/bin/sh\n"
        f"# Sends files to {form.prefix}; good for {form.hours:g} h from when it was made.\n"
        'for file in "$@"; do\n'
        f'  curl --silent --show-error --fail {fields} -F "file=@\\"$file\\"" '
        f"{shlex.quote(form.url)} || exit 1\n"
        "done\n"
    )


def _rendered(name: str, said: dict[str, Any]) -> str:
    text = files("echoatlas.pipeline.sites").joinpath(name).read_text("utf-8")
    return filled(text, html=name.endswith(".html.j2"), trimmed=True, **said)

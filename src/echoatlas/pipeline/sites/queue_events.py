"""Events that a bucket puts into a queue (Amazon SQS, or what speaks its protocol), as hints.

A queue keeps what happens while nobody listens, and needs no address of ours that a service can
reach. It is still no list of what lies there: messages come twice, late, or not at all, and one is
deleted as soon as it has hinted. Buckets are listed all the same.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from echoatlas.pipeline.errors import EchoAtlasError, Retry, UsageError
from echoatlas.pipeline.storage.s3 import demand_credentials, no_credentials, s3_options

if TYPE_CHECKING:
    from echoatlas.pipeline.sites.events import Hints
    from echoatlas.schemas.config.deployment import Zone

AT_ONCE = 10  # messages of one answer: more are not given
WAIT = 10  # seconds that the service waits for a message before it answers that there is none
PAUSE = 5.0  # seconds until the next try after the service failed
REGION = re.compile(r"^(?:sqs|queue)[.-]([a-z0-9-]+)\.amazonaws\.")


class QueueReader:
    """Reads a queue from when it is entered to when it is left.

    Args:
        url: of the queue, as the service tells it: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
        zone: whose credentials may receive and delete its messages.
        report: told what goes wrong meanwhile, once until it is right again.

    Raises:
        UsageError: there are no credentials, or with these the queue can't be read.
        Retry: the service is out of reach.
    """

    def __init__(
        self,
        url: str,
        hints: Hints,
        zone: Zone,
        report: Callable[[EchoAtlasError], None] = lambda _: None,
    ) -> None:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.path.strip("/"):
            raise UsageError(f"'{url}' is no queue: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
        self.url, self._hints, self._report, self._zone = url, hints, report, zone
        self._client = _client(url, zone)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.take(0)

    def take(self, wait: int) -> int:
        """Take messages, hint, and delete them.

        Args:
            wait: seconds for which the service may wait for one.

        Returns:
            How many there were.

        Raises:
            UsageError, Retry: as of the class.
        """
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            CredentialRetrievalError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        try:
            answer = self._client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait
            )
            some = answer.get("Messages", [])
            for one in some:
                self._hints.take(one["Body"].encode())
            if some:
                handles = [
                    {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                    for number, one in enumerate(some)
                ]
                self._client.delete_message_batch(QueueUrl=self.url, Entries=handles)
        except ClientError as error:
            raise self._refused(error.response) from None
        except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError):
            raise no_credentials(self.url, self._zone) from None
        except BotoCoreError as error:
            raise Retry(f"cannot reach the queue {self.url} ({type(error).__name__})") from None
        return len(some)

    def _refused(self, said: Any) -> UsageError | Retry:
        status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(said.get("Error", {}).get("Code", ""))
        if "NonExistentQueue" in code or "QueueDoesNotExist" in code:
            return UsageError(f"there is no queue {self.url}")
        if status < 500 and "Throttl" not in code and code != "RequestThrottled":
            return UsageError(
                f"the queue {self.url} can't be read ({code}): the credentials need "
                "sqs:ReceiveMessage and sqs:DeleteMessage on it"
            )
        return Retry(f"the queue {self.url} does not answer as it should ({status})")

    def _read(self) -> None:
        last = ""
        while not self._over.is_set():
            try:
                self.take(WAIT)
                last = ""
            except EchoAtlasError as error:
                if str(error) != last:
                    self._report(error)
                last = str(error)
                self._over.wait(PAUSE)

    def __enter__(self) -> QueueReader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What it waits for may take its time, and what comes then is of no interest any more
        self._over.set()


def _client(url: str, zone: Zone) -> Any:
    import boto3
    from botocore.config import Config

    demand_credentials(url, zone)
    named = s3_options(url, zone)
    split = urlsplit(url)
    region = REGION.match(split.netloc)
    return boto3.client(
        "sqs",
        endpoint_url=f"{split.scheme}://{split.netloc}",
        region_name=region[1] if region else zone.region,
        aws_access_key_id=named.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=named.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=named.get("AWS_SESSION_TOKEN"),
        config=Config(
            connect_timeout=10,
            read_timeout=WAIT + 20,
            retries={"mode": "standard", "max_attempts": 2},
        ),
    )

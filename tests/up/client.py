"""A client that has nothing but the commands that deploy/up.sh prints, and plain HTTP."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from wait import until

FINAL = {"succeeded", "rejected", "failed", "superseded", "cancelled"}


@dataclass
class Answer:
    """An answer that was read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        """The body."""
        return json.loads(self.body)


def get(url: str, token: str | None = None) -> Answer:
    """A GET; an answer is one whatever its status. Status 0: there was none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return Answer(response.status, _lower(response.headers), response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, _lower(error.headers), error.read())
    except OSError:
        return Answer(0, {}, b"")


def _lower(headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def run_curl(command: str) -> Answer:
    """Pastes a `curl -i` line into a shell. Status 0: there was no answer."""
    shell = subprocess.run(["bash", "-c", command], check=False, capture_output=True, timeout=60)
    if shell.returncode != 0:
        return Answer(0, {}, shell.stderr)
    head, body = b"", shell.stdout
    # Each interim answer (100 Continue) has a head of its own.
    while body.startswith(b"HTTP/"):
        head, body = body.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), _lower(headers), body)


@dataclass
class Upload:
    """An upload that became final."""

    location: str
    final: dict
    seconds: float


class Client:
    """The user of a token."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token

    @classmethod
    def of(cls, system) -> "Client":
        """The user `demo`, from the page that deploy/up.sh prints."""
        curl = system.printed("curl -i")
        token = re.search(r'Bearer ([^"]+)"', curl)
        url = re.search(r"(http://[^ ]+)/user/upload-profile-picture", curl)
        assert token and url, curl
        client = cls(url.group(1), token.group(1))
        client.curl = curl
        return client

    def post(self, file: str | None = None) -> Answer:
        """Pastes the printed line, with another file in place of the sample."""
        line = self.curl
        if file:
            line, count = re.subn(r"-F '[^']*'", lambda _: f"-F 'file=@{file}'", line)
            assert count == 1, line
        return run_curl(line)

    def upload(self, file: str | None = None) -> Upload:
        """Uploads, and polls until it is final."""
        answer = self.post(file)
        assert answer.status == 202, f"{answer.status} {answer.body.decode()}"
        return self.follow(answer)

    def follow(self, answer: Answer, patience: float = 30) -> Upload:
        """Polls what an answer accepted until it is final."""
        location = answer.headers["location"]
        accepted = time.monotonic()

        def look() -> dict | None:
            status = get(self.url + location, self.token)
            return status.json() if status.status == 200 and status.json()["status"] in FINAL else None

        final = until(f"{location} is final", patience, look)
        return Upload(location, final, time.monotonic() - accepted)

    def me(self) -> dict:
        """The user."""
        return get(f"{self.url}/user/me", self.token).json()

    def picture(self) -> Answer:
        """The user's picture."""
        return get(self.me()["profile_picture_url"])


def jpeg_size(file: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, from its frame header."""
    assert file[:3] == b"\xff\xd8\xff", f"not a JPEG: {file[:16]!r}"
    at = 2
    while file[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return int.from_bytes(file[at + 7 : at + 9], "big"), int.from_bytes(file[at + 5 : at + 7], "big")

"""What is in the store of a run: everything but the files under .pfp/, which are pfp's own."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit


def keys(settings: dict[str, str]) -> set[str]:
    """The keys of all objects."""
    storage = urlsplit(settings["PFP_STORAGE_URL"])
    if storage.scheme == "file":
        folder = Path(unquote(storage.path))
        found = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    else:
        found = _listed(settings, storage.netloc)
    return {key for key in found if not key.startswith(".pfp/")}


def _listed(settings: dict[str, str], bucket: str) -> set[str]:
    user = f"{settings['PFP_S3_ACCESS_KEY']}:{settings['PFP_S3_SECRET_KEY']}"
    url = f"{settings['PFP_S3_ENDPOINT']}/{bucket}?list-type=2"
    command = ["curl", "-sS", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--config", "-", url]
    # By standard input: a command line can be read by everyone.
    listing = subprocess.run(command, input=f'user = "{user}"', text=True, check=True, capture_output=True)
    return set(re.findall("<Key>([^<]*)</Key>", listing.stdout))

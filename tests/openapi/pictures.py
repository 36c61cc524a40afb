"""Files for the requests that schemathesis makes: pictures, and other bytes."""

import os
import pathlib

import keys  # noqa: F401 -- as in the other run
import schemathesis
from hypothesis import strategies as st

LARGEST = 64 << 10


def small_pictures():
    files = pathlib.Path(os.environ["PFP_TEST_PICTURES"]).iterdir()
    suffixes = {".jpg", ".png", ".gif"}
    small = [file for file in sorted(files) if file.suffix in suffixes and file.stat().st_size <= LARGEST]
    return [file.read_bytes() for file in small]


PICTURES = st.sampled_from(small_pictures()) | st.binary()

for media_type in ["image/jpeg", "image/png", "image/gif", "application/octet-stream"]:
    schemathesis.openapi.media_type(media_type, PICTURES)

"""What a newcomer does first. With PFP_TEST_CHECKOUT it is done in that copy, by the README's command alone."""

import os
import unittest
from pathlib import Path

import bucket
from client import Client, get, jpeg_size
from system import System
from wait import until

# The README's command; in a copy it builds the release.
COMMAND = "deploy/up.sh --storage minio"
BUILDING = 1800

# Accepted to final, of a photo of 12 megapixels.
SECONDS = 2

PHOTO = "photos/camera-galaxy-s7-12mp.jpg"


def photo() -> str | None:
    """A real photo, where there are some; else the sample is uploaded again."""
    file = Path(os.environ.get("PFP_TEST_CORPUS", "")) / PHOTO
    return str(file.resolve()) if file.exists() else None


class FirstUse(unittest.TestCase):
    """Start, upload, look, upload again, stop."""

    def test_a_newcomer_starts_it_uploads_two_photos_and_stops_it(self):
        checkout = os.environ.get("PFP_TEST_CHECKOUT")
        if checkout:
            system = System.of_checkout(Path(checkout), COMMAND)
        else:
            system = System("first", "--storage", "minio")
        self.addCleanup(system.end)
        system.start(BUILDING if checkout else 120)
        client, settings = Client.of(system), system.settings_of("api-1")
        self.assertEqual(bucket.keys(settings), set())

        first = self.upload(client, None)
        self.assert_only_object(settings, first)
        second = self.upload(client, photo())
        self.assertNotEqual(first, second)
        self.assert_only_object(settings, second)
        self.assertEqual(get(f"{client.url}/{first}").status, 404)

        self.assertEqual(system.interrupt(), 0, system.page())
        system.assert_nothing_is_left()

    def upload(self, client: Client, file: str | None) -> str:
        """Uploads a photo, looks at all that a client can see, and returns the picture's key."""
        upload = client.upload(file)
        self.assertEqual(upload.final["status"], "succeeded", upload.final)
        self.assertRegex(upload.location, "^/user/uploads/[0-9a-f-]{36}$")
        self.assertLess(upload.seconds, SECONDS)
        url = client.me()["profile_picture_url"]
        self.assertEqual(url, upload.final["picture_url"])
        picture = get(url)
        self.assertEqual((picture.status, picture.headers["content-type"]), (200, "image/jpeg"))
        self.assertEqual(jpeg_size(picture.body), (200, 200))
        return url.removeprefix(f"{client.url}/")

    def assert_only_object(self, settings: dict[str, str], key: str) -> None:
        """Nothing staged, no earlier picture. Both go right after the upload became final."""
        until(
            f"the bucket holds only {key}: {bucket.keys(settings)}",
            2,
            lambda: bucket.keys(settings) == {key},
        )


if __name__ == "__main__":
    unittest.main(verbosity=2)

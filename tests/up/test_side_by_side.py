"""Two copies at the same time, one of them on files instead of MinIO."""

import signal
import threading
import unittest

import bucket
from client import Client, jpeg_size
from system import System
from wait import until


class SideBySide(unittest.TestCase):
    """Each has its own ports and data, and one's end is not the other's."""

    def test_two_copies_start_at_once_and_know_nothing_of_each_other(self):
        copies = [System("copy-on-minio"), System("copy-on-files", "--storage", "file")]
        for copy in copies:
            self.addCleanup(copy.end)
        self.start_at_once(copies)
        self.assertFalse(set(copies[0].ports().values()) & set(copies[1].ports().values()))
        for copy in copies:
            self.walk(copy)
        self.assertEqual(copies[0].interrupt(signal.SIGTERM), 0)
        copies[0].assert_nothing_is_left()
        self.walk(copies[1])
        self.assertEqual(copies[1].interrupt(), 0)
        copies[1].assert_nothing_is_left()

    def start_at_once(self, copies: list[System]) -> None:
        """Both, and both to the end."""
        errors: list[AssertionError] = []

        def start(copy: System) -> None:
            try:
                copy.start()
            except AssertionError as error:
                errors.append(error)

        threads = [threading.Thread(target=start, args=[copy]) for copy in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])

    def walk(self, copy: System) -> None:
        """The whole path; the picture is the only object that remains."""
        client, settings = Client.of(copy), copy.settings_of("api-1")
        self.assertEqual(client.upload().final["status"], "succeeded")
        self.assertEqual(jpeg_size(client.picture().body), (200, 200))
        key = client.me()["profile_picture_url"].removeprefix(f"{client.url}/")
        until(f"only {key} is left", 2, lambda: bucket.keys(settings) == {key})


if __name__ == "__main__":
    unittest.main(verbosity=2)

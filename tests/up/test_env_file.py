"""What --env writes, and what reaches the processes."""

import unittest

from client import Client, get, jpeg_size
from system import System

RUN = {
    *("UP_URL", "UP_API_URLS", "UP_TOKEN", "UP_BIN", "UP_SAMPLE"),
    *("UP_API_PIDS", "UP_WORKER_PIDS", "UP_POSTGRES_PID", "UP_RABBITMQ_PID", "UP_MINIO_PID"),
}


class EnvFile(unittest.TestCase):
    """One system with more of everything, and the caller's own settings."""

    @classmethod
    def setUpClass(cls):
        # The second is another's server: never to be touched.
        settings = {"PFP_PICTURE_SIZE": "64", "PFP_DATABASE_URL": "postgres://u:p@127.0.0.1:1/theirs"}
        cls.system = System("several", "--workers", "3", "--apis", "2", settings=settings)
        cls.addClassCleanup(cls.system.end)
        cls.system.start()
        cls.env = cls.system.env()

    def test_it_holds_the_settings_of_the_first_api_and_the_facts_of_the_run_and_nothing_else(self):
        settings = {name: value for name, value in self.env.items() if name.startswith("PFP_")}
        self.assertEqual(settings, self.system.settings_of("api-1"))
        self.assertEqual(set(self.env) - set(settings), RUN)
        self.assertEqual(self.system.env_file.stat().st_mode & 0o777, 0o600)

    def test_as_many_processes_run_as_were_asked_for_and_all_answer(self):
        urls = self.env["UP_API_URLS"].split()
        self.assertEqual((len(urls), urls[0]), (2, self.env["UP_URL"]))
        self.assertEqual([get(f"{url}/readyz").status for url in urls], [200, 200])
        self.assertEqual(len(self.env["UP_API_PIDS"].split()), 2)
        self.assertEqual(len(self.env["UP_WORKER_PIDS"].split()), 3)
        workers = [port for name, port in self.system.ports().items() if name.startswith("worker-")]
        self.assertEqual([get(f"http://127.0.0.1:{port}/readyz").status for port in workers], [200] * 3)

    def test_a_setting_of_the_caller_reaches_the_workers_but_not_another_database(self):
        client = Client.of(self.system)
        self.assertEqual(client.upload().final["status"], "succeeded")
        self.assertEqual(jpeg_size(client.picture().body), (64, 64))
        self.assertNotIn("127.0.0.1:1/", self.env["PFP_DATABASE_URL"])
        self.assertIn("PFP_DATABASE_URL of the environment is ignored", self.system.page())

    def test_what_one_api_took_another_one_tells_and_serves(self):
        client = Client.of(self.system)
        upload = client.upload()
        other = self.env["UP_API_URLS"].split()[1]
        self.assertEqual(get(other + upload.location, client.token).json(), upload.final)
        key = client.me()["profile_picture_url"].removeprefix(client.url)
        self.assertEqual(get(other + key).status, 200)

    def test_workers_get_no_key_for_tokens(self):
        names = self.system.settings_of("worker-1").keys()
        self.assertFalse([name for name in names if name.startswith("PFP_JWT")])

    def test_a_second_run_on_the_same_folder_is_refused_with_who_has_it(self):
        second = System("several")
        second.env_file = second.folder.parent / "second.env"
        second.output = second.folder.parent / "second.txt"
        self.addCleanup(second.end)
        with self.assertRaisesRegex(AssertionError, "in use by another deploy/up.sh"):
            second.start()
        self.assertEqual(get(f"{self.env['UP_URL']}/readyz").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Whatever is killed is back within seconds, at the same address."""

import os
import signal
import unittest

import leftovers
from client import Answer, Client
from system import System
from wait import until

# Seconds. One is waited before a start; RabbitMQ takes the longest to be ready then, about 5.
BACK = 20


class Kills(unittest.TestCase):
    """One system; each test kills another part of it with -9."""

    @classmethod
    def setUpClass(cls):
        cls.system = System("killed", "--workers", "1", settings={"PFP_RATE_UPLOADS_PER_MINUTE": "0"})
        cls.addClassCleanup(cls.stop)
        cls.system.start()

    @classmethod
    def stop(cls):
        """After all that, still nothing is left."""
        cls.system.end()
        cls.system.assert_nothing_is_left()

    def kill(self, name: str, variable: str):
        """Kills it, and waits until the file of --env tells the new one and an upload goes through again."""
        before, ports = self.system.env(), self.system.ports()
        os.kill(int(before[variable]), signal.SIGKILL)

        def told() -> bool:
            return self.system.env()[variable] not in (before[variable], "")

        until(f"{name} is started again and told of", BACK, told)
        client = Client.of(self.system)
        accepted = until(f"{name} is back", BACK, lambda: self.accepted(client))
        self.assertEqual(client.follow(accepted).final["status"], "succeeded")
        after = self.system.env()
        self.assertEqual({n for n in after if after[n] != before[n]}, {variable})
        self.assertEqual(self.system.ports(), ports)
        self.assertTrue(leftovers.is_listening(int(ports[name])))
        self.assertRegex(self.system.page(), f"{name} was killed .*: started again")

    def accepted(self, client: Client) -> Answer | None:
        """What a client is told meanwhile is to come back."""
        answer = client.post()
        self.assertIn(answer.status, (202, 503, 0), answer.body)
        return answer if answer.status == 202 else None

    def test_a_killed_api_comes_back(self):
        self.kill("api-1", "UP_API_PIDS")

    def test_a_killed_worker_comes_back(self):
        self.kill("worker-1", "UP_WORKER_PIDS")

    def test_a_killed_postgres_comes_back(self):
        self.kill("postgres", "UP_POSTGRES_PID")

    def test_a_killed_rabbitmq_comes_back(self):
        self.kill("rabbitmq", "UP_RABBITMQ_PID")

    def test_a_killed_minio_comes_back(self):
        self.kill("minio", "UP_MINIO_PID")


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Started again on the same folder, after a good end and after a bad one."""

import unittest

from client import Client, get
from system import System


class Restart(unittest.TestCase):
    """Data, ports, addresses and tokens stay."""

    def setUp(self):
        self.system = System(self.id().rsplit(".", 1)[1][:40])
        self.addCleanup(self.system.end)
        self.system.start()
        self.client = Client.of(self.system)
        self.assertEqual(self.client.upload().final["status"], "succeeded")
        self.before = (self.system.env(), self.system.ports(), self.client.me())

    def start_again(self):
        """The same command; then everything that was given out still holds, and a new upload works."""
        self.system.start()
        (env, ports, me), now = self.before, self.system.env()
        self.assertEqual(self.system.ports(), ports)
        changing = {name for name in env if name.endswith(("_PID", "_PIDS"))} | {"UP_TOKEN"}
        self.assertEqual({n: now[n] for n in now if n not in changing}, {n: env[n] for n in env if n not in changing})
        self.assertEqual(self.client.me(), me)
        self.assertEqual(get(me["profile_picture_url"]).status, 200)
        self.assertEqual(self.client.upload().final["status"], "succeeded")
        self.assertEqual(self.system.interrupt(), 0)
        self.system.assert_nothing_is_left()

    def test_after_ctrl_c_everything_is_as_it_was(self):
        self.assertEqual(self.system.interrupt(), 0)
        self.system.assert_nothing_is_left()
        self.start_again()

    def test_after_a_kill_of_the_script_itself_everything_is_as_it_was(self):
        self.system.kill_script()
        # The kernel takes down what it started; what it can't, the next start does.
        self.start_again()


if __name__ == "__main__":
    unittest.main(verbosity=2)

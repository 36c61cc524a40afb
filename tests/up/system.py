"""A run of deploy/up.sh: started, looked at, stopped."""

import os
import re
import signal
import subprocess
from pathlib import Path

import leftovers
from wait import TooLate, until

ROOT = Path(__file__).resolve().parents[2]

# The page's last line: everything is ready.
READY = "Ctrl-C stops everything"


def folder_of_tests() -> Path:
    """Where the runs of this run of the tests live."""
    return Path(os.environ["PFP_TEST_FOLDER"])


class System:
    """deploy/up.sh on a folder of its own."""

    def __init__(self, name: str, *options: str, settings: dict[str, str] | None = None):
        home = folder_of_tests() / name
        home.mkdir(exist_ok=True)
        # The servers' users must be able to pass.
        home.chmod(0o711)
        self.folder = home / "run"
        self.temporary = home / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.output = home / "output.txt"
        self.env_file = home / "pfp.env"
        self.checkout = ROOT
        self.settings = settings or {}
        self.command = ["deploy/up.sh", "--bin", os.environ.get("PFP_TEST_BIN", ""), "--dir", str(self.folder)]
        self.command += ["--env", str(self.env_file), *options]
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of_checkout(cls, checkout: Path, command: str) -> "System":
        """The command as a newcomer types it, in a checkout."""
        system = cls("checkout")
        system.checkout = checkout
        system.folder = checkout / "run"
        system.command = command.split()
        return system

    def start(self, patience: float = 120) -> "System":
        """Starts it and waits until it is ready. A new session, as a terminal would give it."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PFP_") or name == "PFP_CACHE_DIR"
        }
        environment |= {"TMPDIR": str(self.temporary)} | self.settings
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.checkout,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self.process

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"deploy/up.sh ended with {process.returncode}:\n{self.page()}")
            return READY in self.page()

        try:
            until(f"{' '.join(self.command)} is ready", patience, ready)
        except TooLate as late:
            raise TooLate(f"{late}; it printed:\n{self.page()}") from None
        return self

    def page(self) -> str:
        """What it has printed."""
        return self.output.read_text(errors="replace")

    def printed(self, pattern: str) -> str:
        """The first command of the page that matches."""
        found = re.search(f"^  ({pattern}.*)$", self.page(), re.MULTILINE)
        assert found, f"the page has no {pattern}:\n{self.page()}"
        return found.group(1)

    def env(self) -> dict[str, str]:
        """What the file of --env says, read by a shell."""
        script = 'set -a; . "$1"; env -0'
        shell = subprocess.run(
            ["env", "-i", "bash", "-c", script, "bash", str(self.env_file)], check=True, capture_output=True
        )
        entries = (entry.split("=", 1) for entry in shell.stdout.decode().split("\0") if entry)
        return {name: value for name, value in entries if name.startswith(("PFP_", "UP_"))}

    def settings_of(self, process: str) -> dict[str, str]:
        """The settings that a process was started with, such as `api-1`."""
        pid = (self.folder / "pids" / process).read_text().split()[0]
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry.startswith("PFP_"))

    def ports(self) -> dict[str, str]:
        """Every port of the run, by what listens on it."""
        return {file.name: file.read_text().strip() for file in (self.folder / "ports").iterdir()}

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C: the signal goes to the whole foreground group. Returns the exit code."""
        assert self.process
        os.killpg(self.process.pid, number)
        return self.process.wait(timeout=60)

    def kill_script(self) -> None:
        """-9 of the script alone."""
        assert self.process
        self.process.kill()
        self.process.wait(timeout=10)

    def assert_nothing_is_left(self) -> None:
        """No process, no listener, no temporary file."""
        ports = self.ports()
        left = leftovers.processes(self.folder)
        assert not left, f"still running: {left}"
        listening = {name: port for name, port in ports.items() if leftovers.is_listening(int(port))}
        assert not listening, f"still listening: {listening}"
        files = list(self.temporary.iterdir())
        if (self.folder / "tmp").exists():
            files += (self.folder / "tmp").iterdir()
        assert not files, f"temporary files are left: {files}"

    def end(self) -> None:
        """For the end of a test that may have failed anywhere."""
        if self.process and self.process.poll() is None:
            try:
                self.interrupt(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                # The second one kills.
                self.interrupt(signal.SIGTERM)

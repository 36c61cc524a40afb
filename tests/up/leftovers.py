"""What a run may leave behind: processes and listeners."""

import os
from pathlib import Path


def processes(folder: Path) -> list[str]:
    """Every process that works in a folder, runs a program of it, names it, or has a file of it open."""
    own = os.getpid()
    return [line for pid in _pids() if pid != own and (line := _uses(pid, str(folder)))]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _uses(pid: int, folder: str) -> str | None:
    process = Path(f"/proc/{pid}")
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        links = [process / "cwd", process / "exe", *(process / "fd").iterdir()]
        targets = [target for link in links if (target := _target(link))]
    except OSError:
        return None
    inside = any(target == folder or target.startswith(f"{folder}/") for target in targets)
    # One without a command line has ended, and waits for its parent to notice.
    return f"{pid} {command.strip()}" if command and (inside or f"{folder}/" in command) else None


def _target(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def is_listening(port: int) -> bool:
    """Whether anything listens on a TCP port, on any address."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, address, _, state, *_ = line.split()
            if state == "0A" and int(address.rsplit(":", 1)[1], 16) == port:
                return True
    return False

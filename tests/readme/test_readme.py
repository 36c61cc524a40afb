"""The README's commands do what it says, and its tables are those of the code.

A fenced block of `sh` or `python` is run if `<!-- run -->` stands before it: all of them by one shell, from the top,
beside a running system. A block of another kind that follows it is what it prints. Every other command has to be one
that another test or CI runs.

With PFP_README_REPRINT in the environment what they print is written into the README instead.
"""

import os
import re
import subprocess
import unittest
from dataclasses import dataclass

from system import ROOT, System, folder_of_tests

README = (ROOT / "README.md").read_text()

# What differs from run to run, or from machine to machine.
DIFFERENT = [
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\b[0-9a-f]{32}\b", "KEY"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"(?m)^date: .*$", "date: TIME"),
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"eyJ[\w.…-]+", "TOKEN"),
    (r"[^\s'\"=@]*run/sample\.jpg", "SAMPLE"),
    # The upload before may still be worked on.
    (r"\d+ objects listed, \d+ named", "N objects listed, N named"),
    (r"(?m)^swept: .*$", "swept: N"),
    (r"\d+ objects compared", "N objects compared"),
    (r'"next_cursor":"\d+"', "CURSOR"),
    (r"\d+\.\d+ ms, \d+ bytes", "COST"),
    (r"(content-length: |\"size_bytes\":)\d+", r"\1N"),
]


@dataclass
class Block:
    """A fenced block, and the comment before it."""

    mark: str
    language: str
    text: str
    follows_directly: bool


def blocks() -> list[Block]:
    """All of them, in order."""
    found, end = [], 0
    for match in re.finditer(r"(?m)(?:^<!-- (\w+) -->\n)?^```(\w*)\n(.*?)^```$", README, re.DOTALL):
        between = README[end : match.start()]
        found.append(Block(match[1] or "", match[2], match[3], not between.strip()))
        end = match.end()
    return found


def command_of(block: Block) -> str:
    """A block as a command of the shell."""
    return f"python3 - <<'END_OF_PYTHON'\n{block.text}END_OF_PYTHON" if block.language == "python" else block.text


def same_everywhere(text: str) -> str:
    """The text without what differs."""
    for pattern, word in DIFFERENT:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.replace("\r", "").strip().splitlines())


def shortened(text: str) -> str:
    """The text for the page: without tokens, and without this machine's folders."""
    text = re.sub(r"eyJ[\w.-]+", "eyJ0…", text)
    text = re.sub(r"[^\s'\"=@]*/run/sample\.jpg", "/…/run/sample.jpg", text)
    return "\n".join(line.rstrip() for line in text.replace("\r", "").strip().splitlines()) + "\n"


def reprint(outputs: dict[str, str]) -> None:
    """Writes what was printed in the place of what the README says."""
    page = README
    for said, printed in outputs.items():
        page = page.replace(said, printed)
    (ROOT / "README.md").write_text(page)


def run_by_others(command: str) -> bool:
    """Whether another test, or CI, runs a command."""
    program, *arguments = command.split()
    if program == "deploy/up.sh":
        # Without options: test_first_use, in CI. With --env: all other tests of the group `up`.
        return not arguments or arguments[0] == "--env"
    if program in ("tests/run.sh", "tests/bench.sh"):
        known = re.search(r"^ALL=\((.*)\)", (ROOT / program).read_text(), re.MULTILINE)
        return known is not None and set(arguments) <= {*known[1].split(), "soak"}
    return False


class Readme(unittest.TestCase):
    """What can be checked without a system."""

    maxDiff = None

    def test_every_command_is_run_by_a_test(self):
        commands = [block for block in blocks() if block.language == "sh"]
        self.assertTrue(commands)
        for block in commands:
            if block.mark != "run":
                for command in block.text.splitlines():
                    self.assertTrue(run_by_others(command), f"no test runs this command of the README: {command}")

    def test_every_setting_has_the_row_that_help_says(self):
        rows = {row for row in README.splitlines() if re.match(r"\| `(PFP|OTEL)_", row)}
        told = set()
        for program in ("pfp-api", "pfp-worker"):
            command = [f"{os.environ['PFP_TEST_BIN']}/{program}", "--help"]
            page = subprocess.run(command, check=True, capture_output=True, text=True, env={}).stdout
            for name, help_, takes, default in re.findall(
                r"^  ([A-Z_0-9]+)\n      (.*); takes (.*)\. Default: (.*)$", page, re.MULTILINE
            ):
                shown = "none" if default == "none" else f"`{default}`"
                told.add(f"| `{name}` | {shown} | {takes} | {help_} |")
        self.assertGreater(len(told), 40)
        self.assertEqual(sorted(rows), sorted(told))

    def test_every_failure_code_that_is_given_has_the_row_that_the_catalogue_says(self):
        catalogue = (ROOT / "shared/src/failure.rs").read_text()
        entries = re.findall(r'^    ([A-Z]\w+) +"(\w+)" +(\d+) "([^"]*)"', catalogue, re.MULTILINE)
        self.assertGreater(len(entries), 30)
        sources = "".join(
            file.read_text()
            for folder in ("api/src", "worker/src", "shared/src")
            for file in (ROOT / folder).rglob("*.rs")
            if file.name != "failure.rs"
        )
        given = [entry for entry in entries if re.search(rf"Code::{entry[0]}\b", sources)]
        told = {f"| {status} | `{code}` | {title} |" for _, code, status, title in given}
        rows = {row for row in README.splitlines() if re.match(r"\| \d{3} \| ", row)}
        self.assertEqual(sorted(rows), sorted(told))

    def test_every_file_that_it_names_is_there(self):
        named = set(re.findall(r"`((?:api|worker|shared|migrations|deploy|tests)/[\w./-]*)[`\s]", README))
        self.assertGreater(len(named), 10)
        self.assertEqual([name for name in sorted(named) if not (ROOT / name).exists()], [])


class Commands(unittest.TestCase):
    """The commands, beside a running system."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.system = System("readme")
        cls.addClassCleanup(cls.system.end)
        cls.system.start()

    def test_the_page_is_as_it_says(self):
        page = next(block for block in blocks() if block.mark == "page")
        self.assertIn(same_everywhere(page.text), same_everywhere(self.system.page()))

    def test_every_command_prints_what_it_says(self):
        place = folder_of_tests() / "readme-commands"
        place.mkdir()
        (place / "pfp.env").symlink_to(self.system.env_file)
        parts = [block for block in blocks() if block.mark == "run"]
        self.assertGreater(len(parts), 4)
        # What each prints ends with this line.
        end = "--- end of a block"
        script = "".join(f"{command_of(block)}\nprintf '\\n%s\\n' '{end}'\n" for block in parts)
        path = f"{os.environ['PFP_TEST_PYTHON']}/bin:{os.environ['PATH']}"
        shell = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            check=False,
            cwd=place,
            env={"PATH": path, "HOME": os.environ.get("HOME", "/"), "TMPDIR": str(self.system.temporary)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(shell.returncode, 0, f"{shell.stdout}\n{shell.stderr}")
        printed = shell.stdout.split(f"\n{end}\n")
        every, outputs = blocks(), {}
        for part, output in zip(parts, printed, strict=False):
            after = every[every.index(part) + 1]
            if after.follows_directly and after.language not in ("sh", "python"):
                outputs[after.text] = shortened(output)
                if "PFP_README_REPRINT" not in os.environ:
                    self.assertEqual(same_everywhere(output), same_everywhere(after.text), f"\n{part.text}")
        if "PFP_README_REPRINT" in os.environ:
            reprint(outputs)


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/python3
"""run_docs.py, with pages that nobody reads."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

RUN_DOCS = pathlib.Path(__file__).parent / "run_docs.py"


class RunDocsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_page(self, text: str) -> tuple[int, str]:
        (self.folder / "page.md").write_text(text)
        done = subprocess.run(
            [sys.executable, RUN_DOCS, "page.md"], cwd=self.folder, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_commands_are_run_in_one_shell(self) -> None:
        status, said = self.run_page("```console\n$ a=1\noutput\n```\ntext\n```console\n$ test $a = \\\n> 1\n```\n")
        self.assertEqual((status, said), (0, "page.md: 2 commands, status 0\n"))

    def test_a_command_that_fails_fails_the_page(self) -> None:
        for command in ("false", "exit 77", "true | false", "echo $unset"):
            status, said = self.run_page(f"```console\n$ {command}\n$ echo reached >&2\n```\n")
            self.assertEqual(status, 1, command)
            self.assertNotIn("\nreached", said)

    def test_another_status_can_be_asked_for(self) -> None:
        self.assertEqual(self.run_page("```console\n$ (exit 7) || test $? = 7\n```\n")[0], 0)
        self.assertEqual(self.run_page("```console\n$ (exit 6) || test $? = 7\n```\n")[0], 1)

    def test_files_are_written(self) -> None:
        status, _ = self.run_page("```cpp file=new/it.cc\nint it;\n```\n```console\n$ grep -qx 'int it;' new/it.cc\n```\n")
        self.assertEqual(status, 0)

    def test_a_page_with_nothing_to_run_is_not_a_good_one(self) -> None:
        self.assertEqual(self.run_page("# Words\n"), (77, "-- page.md: nothing to run\n"))
        status, said = self.run_page("```console no-run\n$ false\n```\n")
        self.assertEqual((status, said), (77, "page.md: 1 commands are for reading only\n-- page.md: nothing to run\n"))


if __name__ == "__main__":
    unittest.main()

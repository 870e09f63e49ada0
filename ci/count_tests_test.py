#!/usr/bin/python3
"""count_tests.py, with the logs of a `bazel test` that never ran."""
import contextlib
import io
import pathlib
import tempfile
import unittest

import count_tests


PASSED = '<testcase name="a" status="run" result="completed" classname="Suite"/>'
FAILED = '<testcase name="b" status="run" result="completed" classname="Suite"><failure message="no"/></testcase>'
# As gtest 1.12 writes it.
SKIPPED = (
    '<testcase name="c" status="run" result="skipped" classname="Suite">'
    '<skipped message="tests/a_test.cc:12&#x0A;needs root:&#x0A;no right&#x0A;"><![CDATA[...]]></skipped></testcase>'
)
DISABLED = '<testcase name="d" status="notrun" result="suppressed" classname="Suite"/>'


# As pytest 8 writes them.
PYTEST_PASSED = '<testcase classname="tests.test_a" name="test_b" time="0.1" />'
PYTEST_SKIPPED = '<testcase classname="tests.test_a" name="test_c"><skipped type="pytest.skip" message="no KVM">a</skipped></testcase>'
PYTEST_BROKEN = '<testcase classname="tests.test_a" name="test_d"><error message="a fixture failed">a</error></testcase>'


class CountTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def report(self, name: str, *cases: str) -> None:
        self.write(name, "<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>")

    def write(self, name: str, text: str) -> None:
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "test.xml").write_text(text)

    def count(self, *summary: str) -> tuple[int, int, int]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            counts = count_tests.count(self.folder, [line + "\n" for line in summary])
        self.said = said.getvalue().splitlines()
        return counts

    def test_a_report_of_pytest_counts_like_others(self) -> None:
        self.report("python", PYTEST_PASSED, PYTEST_PASSED, PYTEST_SKIPPED, PYTEST_BROKEN)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            counts = count_tests.count_report(self.folder / "python" / "test.xml", "python")
        self.assertEqual(counts, (2, 1, 1))
        self.assertIn("no KVM", said.getvalue())

    def test_cases_are_added_up(self) -> None:
        self.report("base/one_test", PASSED, PASSED, FAILED, DISABLED)
        self.report("two_test", PASSED)
        counts = self.count(
            "//base:one_test                               FAILED in 0.1s",
            "  /somewhere/base/one_test/test.log",
            "//:two_test                          (cached) PASSED in 0.1s",
            "Executed 1 out of 2 tests: 1 test passes and 1 fails locally.",
        )
        self.assertEqual(counts, (3, 1, 0))
        self.assertEqual(self.said, [])

    def test_shards_are_added_up(self) -> None:
        self.report("base/one_test/shard_1_of_2", PASSED)
        self.report("base/one_test/shard_2_of_2", PASSED)
        self.assertEqual(self.count("//base:one_test PASSED in 0.1s"), (2, 0, 0))

    def test_reports_of_earlier_runs_do_not_count(self) -> None:
        self.report("base/one_test", PASSED)
        self.report("base/old_test", FAILED)
        self.assertEqual(self.count("//base:one_test PASSED in 0.1s", "//base:old_test NO STATUS"), (1, 0, 0))

    def test_a_skipped_case_says_why(self) -> None:
        self.report("base/one_test", PASSED, SKIPPED)
        self.assertEqual(self.count("//base:one_test PASSED in 0.1s"), (1, 0, 1))
        self.assertEqual(self.said, ["skipped: //base:one_test: Suite.c: needs root: no right"])

    def test_a_leak_at_the_end_is_a_failure(self) -> None:
        self.report("base/one_test", PASSED, PASSED)
        self.assertEqual(self.count("//base:one_test FAILED in 0.1s"), (2, 1, 0))
        self.assertEqual(self.said, ["failed outside its cases: //base:one_test"])

    def test_a_timeout_without_a_report_is_a_failure(self) -> None:
        self.assertEqual(self.count("//base:one_test TIMEOUT in 60.0s"), (0, 1, 0))
        self.assertEqual(self.said, ["failed outside its cases: //base:one_test"])

    def test_a_report_that_was_cut_off_is_a_failure(self) -> None:
        self.write("base/one_test", "<testsuites><testsuite>" + PASSED)
        self.assertEqual(self.count("//base:one_test FAILED in 0.1s"), (0, 1, 0))
        self.assertEqual(self.said, ["failed outside its cases: //base:one_test"])


if __name__ == "__main__":
    unittest.main()

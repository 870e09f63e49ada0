#!/usr/bin/python3
"""count_tests.py TESTLOGS: prints "passed failed skipped", the cases of the tests that `bazel test` lists on standard input.

TESTLOGS is Bazel's folder of logs. It has those of earlier runs, too, which do not count. Skipped cases are listed on standard
error, so that none is skipped silently.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


RESULT = re.compile(r"//(?P<package>\S*):(?P<name>\S+) .*\b(PASSED|FAILED in|TIMEOUT|FLAKY)\b")


def count(folder: pathlib.Path, summary: list[str]) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    tests = [found for found in map(RESULT.match, summary) if found]
    for report in sorted(report for test in tests for report in folder.joinpath(*test.group("package", "name")).rglob("test.xml")):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.get("result") == "skipped" or case.find("skipped") is not None:
                skipped += 1
                print(f"skipped: {report.parent.relative_to(folder)}: {name}", file=sys.stderr)
            elif case.get("status") != "notrun":
                passed += 1
    return passed, failed, skipped


if __name__ == "__main__":
    print(*count(pathlib.Path(sys.argv[1]), sys.stdin.readlines()))

#!/usr/bin/python3
"""count_tests.py TESTLOGS: prints "passed failed skipped", the cases of the tests that `bazel test` lists on standard input.
count_tests.py --report FILE NAME: the same of one report of its own, in JUnit's form.

TESTLOGS is Bazel's folder of logs. It has those of earlier runs, too, which do not count. Skipped cases are listed on standard
error with what they said, so that none is skipped silently. So are tests that failed outside their cases: a report is written
before its program ends, and says nothing of a sanitizer that found something after that, nor of a test that was killed.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


RESULT = re.compile(r"(?P<label>//(?P<package>\S*):(?P<name>\S+)) .*\b(?P<outcome>PASSED|FAILED in|TIMEOUT|FLAKY)\b")
GOOD = ("PASSED", "FLAKY")  # FLAKY: failed, then passed


def tell(text: str) -> None:
    print(text, file=sys.stderr)


def why_skipped(case: ElementTree.Element) -> str:
    """gtest's message is FILE:LINE, then what the test said, on lines of its own."""
    skipped = case.find("skipped")
    said = "" if skipped is None else skipped.get("message") or ""
    return " ".join(re.sub(r"\A\S+:\d+\n", "", said).split()) or "it does not say why"


def count_report(report: pathlib.Path, label: str) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.get("result") == "skipped" or case.find("skipped") is not None:
            skipped += 1
            tell(f"skipped: {label}: {case.get('classname')}.{case.get('name')}: {why_skipped(case)}")
        elif case.get("status") != "notrun":
            passed += 1
    return passed, failed, skipped


def count_test(folder: pathlib.Path, test: re.Match[str]) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    broken = False
    for report in sorted(folder.joinpath(*test.group("package", "name")).rglob("test.xml")):
        try:
            counts = count_report(report, test["label"])
        except ElementTree.ParseError:
            broken = True
            continue
        passed, failed, skipped = (a + b for a, b in zip((passed, failed, skipped), counts))
    if failed == 0 and (broken or test["outcome"] not in GOOD):
        tell(f"failed outside its cases: {test['label']}")
        failed = 1
    return passed, failed, skipped


def count(folder: pathlib.Path, summary: list[str]) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for test in filter(None, map(RESULT.match, summary)):
        counts = count_test(folder, test)
        passed, failed, skipped = (a + b for a, b in zip((passed, failed, skipped), counts))
    return passed, failed, skipped


if __name__ == "__main__":
    if sys.argv[1] == "--report":
        print(*count_report(pathlib.Path(sys.argv[2]), sys.argv[3]))
    else:
        print(*count(pathlib.Path(sys.argv[1]), sys.stdin.readlines()))

#!/usr/bin/python3
"""count_tests.py TESTLOGS: prints "passed failed skipped", the cases in the test.xml files below a folder.

Skipped cases are listed on standard error, so that none is skipped silently.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def count(folder: pathlib.Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for report in sorted(folder.rglob("test.xml")):
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
    print(*count(pathlib.Path(sys.argv[1])))

#!/usr/bin/python3
"""run_docs.py PAGE: runs the commands of a documentation page, so that no page shows what does not work.

In fenced blocks marked ```console, a line `$ command` is run by bash, in the repository's root, one shell for the page;
a line ending in a backslash goes on in the next. Other lines there are output, shown for people and not compared.
A block marked with a file name, such as ```cpp file=greeter/greeter.cc, is written to that file, when its turn comes.
A block ```console no-run is left alone (what needs another machine, or never ends); it is counted aloud.
A command must end with status 0; one that is meant to end otherwise says so: `$ command || test $? = 7`.
Ends with status 0, 1 where a command failed, or 77 where there is nothing to run.
"""
import pathlib
import re
import shlex
import subprocess
import sys

FENCE = re.compile(r"^```(?P<language>\w*)(?P<flags>[^\n]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\bfile=(\S+)")
TIMEOUT_SECONDS = 600
NOTHING_TO_RUN = 77  # what test programs use for "skipped"


def commands(body: str) -> list[str]:
    found: list[str] = []
    continued = False
    for line in body.splitlines():
        if continued:
            found[-1] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            found.append(line[2:])
        else:
            continue
        continued = found[-1].endswith("\\")
    return found


def main() -> int:
    page = pathlib.Path(sys.argv[1])
    script, left = [], 0
    for block in FENCE.finditer(page.read_text()):
        if file := FILE.search(block["flags"]):
            path = shlex.quote(file[1])
            script.append(f"mkdir -p $(dirname {path})")
            script.append(f"cat > {path} <<'END_OF_FILE'\n{block['body']}END_OF_FILE")
        elif block["language"] != "console":
            continue
        elif "no-run" in block["flags"]:
            left += len(commands(block["body"]))
        else:
            script += commands(block["body"])
    if left:
        print(f"{page}: {left} commands are for reading only")
    if not script:
        print(f"-- {page}: nothing to run")
        return NOTHING_TO_RUN
    # -x shows each command before its output: a failure is found at once.
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(script)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=TIMEOUT_SECONDS, check=False,
    )
    print(f"{page}: {len(script)} commands, status {done.returncode}")
    if done.returncode:
        print(done.stdout)
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())

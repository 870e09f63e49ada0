#!/usr/bin/python3
"""prometheus.py BINARIES PROMETHEUS: a real Prometheus collects from a real mayflyd with one VM.

BINARIES is the folder of mayfly, mayflyd, mayfly-vmm and tests/guests, PROMETHEUS that of prometheus and promtool. Ends
with status 0, 1 where something is not as it should be, or 77 where no VM can run.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

PATIENCE_SECONDS = 60
SKIPPED = 77  # what test programs use for "skipped"
CONFIG = """
scrape_configs:
  - job_name: mayfly
    scrape_interval: 1s
    static_configs:
      - targets: ["%s"]
"""


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode()


def found(log: pathlib.Path, pattern: str) -> str:
    """What the group of `pattern` matches in `log`, as soon as it does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        match = re.search(pattern, log.read_text())
        if match:
            return match[1]
        if time.monotonic() > deadline:
            sys.exit(f"{log.name} says no {pattern}:\n{log.read_text()}")
        time.sleep(0.05)


class Service:
    """A program in the background, which writes to a log."""

    def __init__(self, log: pathlib.Path, *words: str | pathlib.Path):
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()


def expect(prometheus: str, query: str, expected: str) -> None:
    """Asks Prometheus `query` until the answer is `expected`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    url = f"http://{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    while True:
        result = json.loads(get(url))["data"]["result"]
        value = result[0]["value"][1] if result else "not known"
        if value == expected:
            print(f"{query} is {value}")
            return
        if time.monotonic() > deadline:
            sys.exit(f"{query} is {value}, not {expected}")
        time.sleep(0.1)


def check(binaries: pathlib.Path, tools: pathlib.Path, work: pathlib.Path) -> None:
    socket = work / "mayflyd.sock"
    config = work / "mayflyd.json"
    config.write_text(json.dumps({"metrics": "127.0.0.1:0"}))
    with Service(work / "mayflyd", binaries / "mayflyd", "--socket", socket, "--config", config) as mayflyd:
        address = found(mayflyd.log, r"metrics on http://(\S+)/metrics")
        mayfly = [binaries / "mayfly", "--host", socket]
        subprocess.run([*mayfly, "run", "-d", "--name", "web", "--kernel", binaries / "tests/guests/halt"], check=True)
        try:
            text = get(f"http://{address}/metrics")
            subprocess.run([tools / "promtool", "check", "metrics"], input=text, text=True, check=True)
            (work / "prometheus.yml").write_text(CONFIG % address)
            with Service(
                work / "prometheus",
                tools / "prometheus",
                f"--config.file={work}/prometheus.yml",
                f"--storage.tsdb.path={work}/data",
                "--web.listen-address=127.0.0.1:0",
            ) as prometheus:
                own = found(prometheus.log, r'msg="Listening on" address=(\S+)')
                found(prometheus.log, r'msg="(Server is ready)')
                expect(own, 'up{job="mayfly"}', "1")
                expect(own, 'mayfly_vms{state="running"}', "1")
                expect(own, "mayfly_launches_total", "1")
                expect(own, 'mayfly_start_seconds_count{step="firstRun"}', "1")
        finally:
            subprocess.run([*mayfly, "rm", "web"], check=True)


def main() -> int:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: /dev/kvm is not for this user", file=sys.stderr)
        return SKIPPED
    with tempfile.TemporaryDirectory() as work:
        check(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), pathlib.Path(work))
    return 0


if __name__ == "__main__":
    sys.exit(main())

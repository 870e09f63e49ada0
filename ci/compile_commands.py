#!/usr/bin/python3
"""Writes compile_commands.json, for clangd and clang-tidy, from what Bazel would run (after a `bazel build`)."""
import json
import pathlib
import subprocess

# Options of gcc that clang's tools do not know.
GCC_ONLY = {"-fno-canonical-system-headers", "-Wno-free-nonheap-object", "-Wunused-but-set-parameter"}


def bazel(*arguments: str) -> str:
    return subprocess.run(
        ["bazel", *arguments], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.strip()


def entry(arguments: list[str], root: pathlib.Path, execroot: pathlib.Path) -> dict | None:
    source = arguments[arguments.index("-c") + 1]
    if source.startswith("external/"):
        return None
    path = root / source if (root / source).exists() else execroot / source
    kept = [str(path) if a == source else a for a in arguments if a not in GCC_ONLY]
    return {"directory": str(execroot), "file": str(path), "arguments": kept}


def main() -> None:
    root = pathlib.Path(bazel("info", "workspace"))
    execroot = pathlib.Path(bazel("info", "execution_root"))
    query = bazel("aquery", "--output=jsonproto", 'mnemonic("CppCompile", //...)')
    entries = {}
    for action in json.loads(query).get("actions", []):
        made = entry(action["arguments"], root, execroot)
        if made:
            entries[made["file"]] = made
    (root / "compile_commands.json").write_text(json.dumps(list(entries.values()), indent=1))
    print(f"{len(entries)} entries")


if __name__ == "__main__":
    main()

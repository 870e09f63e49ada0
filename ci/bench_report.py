#!/usr/bin/python3
"""bench_report.py table RESULTS: a table for people. bench_report.py plot RESULTS FILE.svg: bars of the medians (gnuplot).

RESULTS holds one JSON object a line, as ci/bench describes. In the table each case is compared with its `floor` where it has
one, otherwise with its `qemu` or `no jail`. Results with quotients of their own (subject "a / b": the medians of the quotients of runs side
by side) become a table for each figure, which is what follows ": " in the name of a case.
"""
import json
import pathlib
import subprocess
import sys

BASELINES = ("floor", "qemu", "no jail")
QUOTIENT = " / "


def cases(results: pathlib.Path) -> dict[str, list[dict]]:
    grouped: dict[str, list[dict]] = {}
    for line in results.read_text().splitlines():
        row = json.loads(line)
        grouped.setdefault(row["case"], []).append(row)
    return grouped


def ratio(row: dict, rows: list[dict]) -> str:
    for name in BASELINES:
        base = next((r for r in rows if r["subject"] == name), None)
        if base and base["p50"]:
            return f"{row['p50'] / base['p50']:.2f} x {name}"
    return ""


def figure_tables(rows: list[dict]) -> None:
    figures: dict[str, dict[str, dict[str, dict]]] = {}
    for row in rows:
        case, _, figure = row["case"].partition(": ")
        figures.setdefault(figure, {}).setdefault(case, {})[row["subject"]] = row
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    for figure, lines in figures.items():
        unit = next(row["unit"] for row in rows if row["case"].endswith(": " + figure))
        print(f"{figure + ', ' + unit:<34}" + "".join(f"{name:>21}" for name in subjects))
        for case, columns in lines.items():
            cells = (f"{columns[name]['p50']:.4g}" if name in columns else "" for name in subjects)
            print(f"{case:<34}" + "".join(f"{cell:>21}" for cell in cells))
        print()


def table(results: pathlib.Path) -> None:
    rows = [row for group in cases(results).values() for row in group]
    if any(QUOTIENT in row["subject"] for row in rows):
        figure_tables(rows)
        return
    width = max(len(row["case"]) for row in rows)
    print(f"{'case':<{width}} {'subject':<14} {'p50':>10} {'p99':>10} {'unit':<14} {'n':>4}  ratio of p50")
    for case, rows in cases(results).items():
        for row in rows:
            print(f"{case:<{width}} {row['subject']:<14} {row['p50']:>10.4g} {row['p99']:>10.4g} "
                  f"{row['unit']:<14} {row['n']:>4}  {ratio(row, rows)}")


def plot(results: pathlib.Path, svg: pathlib.Path) -> None:
    rows = [row for group in cases(results).values() for row in group]
    unit = rows[0]["unit"]
    shown = [row for row in rows if row["unit"] == unit and QUOTIENT not in row["subject"]]
    data = "\n".join(f'"{row["case"]}: {row["subject"]}" {row["p50"]} {row["p99"]}' for row in shown)
    script = f"""
set terminal svg size 900,{120 + 34 * len(shown)} font "sans,12"
set output "{svg}"
set title "{rows[0]['bench']}: p50 (bar) and p99 (line), {unit}"
set yrange [{len(shown)}-0.5:-0.5]
set xrange [0:*]
set grid x
set lmargin 36
set style fill solid 0.6
unset key
$rows << END
{data}
END
plot $rows using ($2/2):0:($2/2):(0.3):yticlabels(1) with boxxyerror linecolor rgb "#3a6ea5", \\
     $rows using 2:0:2:3 with xerrorbars linecolor rgb "#333333" pointtype 0
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


if __name__ == "__main__":
    verb, path, *rest = sys.argv[1:]
    if verb == "table":
        table(pathlib.Path(path))
    else:
        plot(pathlib.Path(path), pathlib.Path(rest[0]))

#!/usr/bin/env python3
"""Writes the table of docs/reliability.md from what the drills left in target/drills."""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- drills:begin -->\n", "<!-- drills:end -->\n"


def time_of(millis):
    if millis is None:
        return "–"
    return f"{millis} ms" if millis < 1000 else f"{millis / 1000:.1f} s"


def main():
    reports = sorted((ROOT / "target/drills").glob("*.json"))
    if not reports:
        sys.exit("No drill has left a report: run `make soak`, or the drills with FANFARE_DRILL_REPORT=target/drills.")
    lines = ["| drill | fault | viewers | commit to client meanwhile, p99 | recovered after | |", "|---|---|---|---|---|---|"]
    for file in reports:
        report = json.loads(file.read_text())
        for row in report["rows"]:
            meanwhile, recovered = time_of(row["duringP99Ms"]), time_of(row["recoveredMs"])
            cells = [report["drill"], row["fault"], report["viewers"], meanwhile, recovered, row["note"]]
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    page = ROOT / "docs/reliability.md"
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after)


main()

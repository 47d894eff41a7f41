#!/usr/bin/env python3
"""Prints how many tests passed and failed according to the log of one test run.

Knows the summaries of cargo test, cargo-nextest, node:test, vitest, pytest and unittest.
"""

import re
import sys


def count(text: str) -> tuple[int, int]:
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    passed = failed = 0

    # Under nextest the output of a failed test holds a summary of libtest's too, indented.
    nextest = re.findall(r"^ *Summary \[.*\] .*? tests? run: (\d+) passed(?: \([^)]*\))?(?:, (\d+) failed)?", text, re.M)
    for good, bad in nextest:
        passed += int(good)
        failed += int(bad or 0)
    if not nextest:
        for good, bad in re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed", text, re.M):
            passed += int(good)
            failed += int(bad)
    for word, number in re.findall(r"^(?:#|ℹ) (pass|fail) (\d+)$", text, re.M):
        if word == "pass":
            passed += int(number)
        else:
            failed += int(number)
    for line in re.findall(r"^ *Tests  +(.*)$", text, re.M):  # vitest
        passed += sum(map(int, re.findall(r"(\d+) passed", line)))
        failed += sum(map(int, re.findall(r"(\d+) failed", line)))
    for line in re.findall(r"^=+ (.*) in [\d.]+s.*=+$", text, re.M):  # pytest
        passed += sum(map(int, re.findall(r"(\d+) passed", line)))
        failed += sum(map(int, re.findall(r"(\d+) (?:failed|errors?)", line)))
    ran = re.search(r"^Ran (\d+) tests? in ", text, re.M)  # unittest
    if ran:
        verdict = re.search(r"^FAILED \((.*)\)$", text, re.M)
        bad = sum(map(int, re.findall(r"(?:failures|errors)=(\d+)", verdict.group(1)))) if verdict else 0
        passed += int(ran.group(1)) - bad
        failed += bad
    return passed, failed


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print(*count(log.read()))

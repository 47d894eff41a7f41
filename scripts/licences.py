#!/usr/bin/env python3
"""Checks licences and sources of every dependency against deny.toml, for machines without cargo-deny.

Reads the same allow list; understands SPDX expressions of AND, OR, WITH and parentheses.
"""

import json
import re
import subprocess
import sys
import tomllib


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Whether the SPDX expression can be met with allowed licences alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either():
        result = both()
        while peek() == "OR":
            take()
            result = both() or result
        return result

    def both():
        result = one()
        while peek() == "AND":
            take()
            result = one() and result
        return result

    def one():
        token = take()
        if token == "(":
            result = either()
            take()
            return result
        name = token
        if peek() == "WITH":
            take()
            name = f"{token} WITH {take()}"
        return name in allowed or token in allowed

    return either()


def main() -> int:
    with open("deny.toml", "rb") as file:
        rules = tomllib.load(file)
    allowed = set(rules["licenses"]["allow"])
    excepted = {e["crate"]: set(e["allow"]) for e in rules["licenses"].get("exceptions", [])}
    banned = {entry["crate"] for entry in rules["bans"].get("deny", [])}

    # Only what this platform builds: the rest would have to be downloaded for nothing.
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE).group(1)
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    ours = set(metadata["workspace_members"])
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    wrong = []
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if package["id"] in ours or package["id"] not in used:
            continue
        licence = package["license"]
        if not licence or not satisfied(licence, allowed | excepted.get(package["name"], set())):
            wrong.append(f"{name}: licence {licence} is not on the list of deny.toml")
        if not (package["source"] or "").startswith("registry+"):
            wrong.append(f"{name}: comes from {package['source'] or 'a path'}")
        if package["name"] in banned:
            wrong.append(f"{name}: banned by deny.toml")
    print("\n".join(wrong) or f"{len(used) - len(ours)} dependencies: licences and sources are on the list")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

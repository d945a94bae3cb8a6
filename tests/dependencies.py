#!/usr/bin/env python3
"""Checks what the program is linked from: licences, sources, versions, reasons.

Reads `cargo metadata` offline and the rules in .deny.toml; needs nothing but the standard library.
Prints one line a rule with what breaks it, then a count line for tests/run; exits 1 if any is broken.
"""
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict


def main():
    with open(".deny.toml", "rb") as file:
        rules = tomllib.load(file)
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--offline", "--locked", "--format-version", "1",
         "--filter-platform", "x86_64-unknown-linux-gnu"],
        check=True, capture_output=True, text=True).stdout)
    linked = linked_packages(metadata)
    allowed = set(rules["licenses"]["allow"])
    skipped = {entry["name"] if isinstance(entry, dict) else entry for entry in rules["bans"]["skip"]}
    results = {
        "licence in the allow list": [
            f"{p['name']} {p['version']}: {p['license']}" for p in linked
            if not fits(p["license"], allowed)],
        "from the registry, none from git or a path": [
            f"{p['name']} {p['version']}: {p['source']}" for p in linked
            if not (p["source"] or "").startswith("registry+")],
        "one version of each": duplicates(linked, skipped),
        "a reason above each direct dependency": without_reason("Cargo.toml"),
        "default features off, or said why not": defaults_unsaid("Cargo.toml"),
    }
    for rule, broken in results.items():
        print(f"{'FAILED' if broken else 'ok    '} {rule}")
        for line in broken:
            print(f"       {line}")
    failed = sum(1 for broken in results.values() if broken)
    print(f"{len(linked)} packages are linked into the program")
    print(f"count: {len(results) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def linked_packages(metadata):
    """The program's own dependencies, normal ones and those of build scripts, without the tests'."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, waiting = set(), [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            if kinds & {None, "build"} and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[name] for name in seen), key=lambda p: (p["name"], p["version"]))


def fits(expression, allowed):
    """Whether a licence expression can be met with allowed licences (`/` is an old OR)."""
    if not expression:
        return False
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    value, rest = either(tokens, allowed)
    return value and not rest


def either(tokens, allowed):
    value, tokens = both(tokens, allowed)
    while tokens and tokens[0] == "OR":
        other, tokens = both(tokens[1:], allowed)
        value = value or other
    return value, tokens


def both(tokens, allowed):
    value, tokens = single(tokens, allowed)
    while tokens and tokens[0] == "AND":
        other, tokens = single(tokens[1:], allowed)
        value = value and other
    return value, tokens


def single(tokens, allowed):
    if not tokens:
        return False, []
    if tokens[0] == "(":
        value, tokens = either(tokens[1:], allowed)
        return value, tokens[1:]
    name, tokens = tokens[0], tokens[1:]
    if len(tokens) > 1 and tokens[0] == "WITH":
        name, tokens = f"{name} WITH {tokens[1]}", tokens[2:]
    return name in allowed, tokens


def duplicates(linked, skipped):
    versions = defaultdict(list)
    for package in linked:
        versions[package["name"]].append(package["version"])
    return [f"{name}: {', '.join(found)}" for name, found in versions.items()
            if len(found) > 1 and name not in skipped]


def dependency_lines(manifest):
    """Each line of the [dependencies] table with the line above it."""
    table, above = "", ""
    with open(manifest) as file:
        for line in file:
            line = line.strip()
            if line.startswith("["):
                table = line
            elif table == "[dependencies]" and "=" in line and not line.startswith("#"):
                yield line, above
            above = line


def without_reason(manifest):
    """A comment stands above the dependency, or above the group (without blank lines) it is in."""
    broken, group_has_reason = [], False
    for line, above in dependency_lines(manifest):
        if above.startswith("#"):
            group_has_reason = True
        elif not above or above.startswith("["):
            group_has_reason = False
        if not group_has_reason:
            broken.append(line)
    return broken


# Their default features are what they are used for.
DEFAULTS_WANTED = {
    "serde": "std", "serde_json": "std", "annotate-snippets": "has none by default",
    "strsim": "has none", "crc32fast": "std", "clap_mangen": "has none that link more",
    "clap_complete": "has none that link more", "rustls-native-certs": "has none",
}


def defaults_unsaid(manifest):
    return [line for line, _ in dependency_lines(manifest)
            if "default-features = false" not in line
            and line.split("=")[0].strip() not in DEFAULTS_WANTED]


def self_test():
    allowed = {"MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"}
    for expression, expected in [
        ("MIT", True), ("GPL-3.0", False), ("MIT OR GPL-3.0", True), ("MIT AND GPL-3.0", False),
        ("MIT/Apache-2.0", True), ("(MIT OR GPL-3.0) AND ISC", True), ("Apache-2.0 AND ISC", True),
        ("GPL-2.0 OR (MIT AND GPL-3.0)", False), ("Apache-2.0 WITH LLVM-exception", True),
        (None, False), ("", False), ("MIT OR", True),
    ]:
        assert fits(expression, allowed) == expected, expression
    packages = [{"name": "a", "version": "1"}, {"name": "a", "version": "2"}, {"name": "b", "version": "1"}]
    assert duplicates(packages, set()) == ["a: 1, 2"] and duplicates(packages, {"a"}) == []


if __name__ == "__main__":
    self_test()
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""docs/facts.md says what the facts file holds: tables, columns, types, functions and sets are those of the code."""
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def schema_tables():
    text = re.sub(r"/\*.*?\*/", "", read("engine", "case", "schema.h"), flags=re.S).replace("\\\n", " ")
    tables = {}
    for table, body in re.findall(r"#define UH_TABLE_(\w+)\(X\)(.*)", text):
        tables[table] = [(name, kind.lower(), type_) for name, type_, kind in
                         re.findall(r"X\(\s*(\w+),\s*(\w+),\s*(\w+)\s*\)", body)]
    return tables


def documented_tables():
    tables = {}
    for part in read("docs", "facts.md").split("\n### ")[1:]:
        rows = re.findall(r"^\| (\w+) \| (\w+) \| (key|asked) \| \S.* \|$", part.split("\n## ")[0], re.M)
        tables[part.split("\n")[0]] = [(name, kind, type_) for name, type_, kind in rows]
    return tables


def test_tables():
    code = schema_tables()
    assert set(code) >= {"directory_recipient", "exchange_recipient", "object", "dns", "set", "source", "observation"}
    assert code == documented_tables()


def test_version():
    version = re.search(r"#define UH_SCHEMA_VERSION (\d+)", read("engine", "case", "schema.h")).group(1)
    assert f"`PRAGMA user_version` is {version}," in read("docs", "facts.md")


def test_functions():
    code = {(name, int(n)) for name, n in re.findall(r'\{"(\w+)", (\d), fn_\w+\}', read("engine", "case", "functions.c"))}
    rows = re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", read("docs", "facts.md"), re.M)
    assert code and code == {(name, len(arguments.split(","))) for name, arguments in rows}


def test_sets():
    """Every set that a check needs, or that the directory, the cloud or DNS fill, is named on the page."""
    name = r"(?:on-premises|cloud|dns|logs):[A-Za-z]+(?:/[A-Za-z]+)?"
    documented = set(re.findall(name, read("docs", "facts.md")))
    used = set()
    for path in glob.glob(os.path.join(ROOT, "checks", "*.c")):
        used |= set(re.findall(name, read(path)))
    for path in glob.glob(os.path.join(ROOT, "engine", "sources", "*.c")):
        text = read(path)
        for sets in re.findall(r"\.sets =\s*((?:\"[^\"]*\"\s*|SIDE\s*)+)", text):
            joined = "".join(re.findall(r'"([^"]*)"', sets.replace("SIDE", '"on-premises"')))
            used |= set(re.findall(name, joined))
    assert len(used) > 40
    assert used - documented == set()

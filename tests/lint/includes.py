#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may know whom (design section 3), read from #include lines; and who may reach a call that writes, from the
undefined symbols of the built archives. Prints what is wrong, one line each; exit 1 when anything is."""
import os
import re
import subprocess
import sys

from tree import files, read

ROOMS = {  # a room: the rooms below engine/ that it may include from; its own is always allowed
    "engine/wire": set(),
    "engine/case": set(),
    "engine/sources": {"wire", "case"},
    "engine/executors": {"wire", "case"},
    "engine/rules": {"case"},
    "engine/report": {"rules", "case"},
    "engine/plan": {"rules", "case", "executors", "sources"},
    "engine/cli": {"rules", "case", "report", "sources", "plan"},
}
PUBLIC_ONLY = ("checks/", "cleanup/")     # these know <unhybrid/...> and the C library
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Calls that change something outside: only executors may reach them, and what lies below them in wire/.
WRITING = re.compile(r"^(ldap_(add|modify|delete|rename|modrdn)\w*|uh_(ldap|graph|exchange_online|wsman|psrp)_(write|change|modify|remove|delete)\w*)$")
WRITERS = ("uh_executors", "uh_wire", "uh_case", "uh_report", "uh_core")
LIBRARY = re.compile(r"^(openssl|curl|sys|netinet|arpa|libxml|cyaml|sasl|linux)/|^[a-z0-9_]+\.h$")


def allowed(path, quoted, target):
    if path.startswith(PUBLIC_ONLY):
        return (not quoted and (target.startswith("unhybrid/") or re.match(r"^[a-z0-9_]+\.h$", target))) or target == "builtin.h"
    room = next((room for room in ROOMS if path.startswith(room + "/")), None)
    if not quoted:
        return target.startswith("unhybrid/") or bool(LIBRARY.match(target))
    if room is None or "/" not in target:
        return True
    other = target.split("/")[0]
    return other == room.split("/")[1] or other in ROOMS[room]


def include_faults(top):
    for path in files(top, ".c", ".h"):
        if path.startswith("tests/"):
            continue
        for kind, target in INCLUDE.findall(read(top, path)):
            if not allowed(path, kind == '"', target):
                yield f"{path}: may not include {target}"


def symbol_faults(build):
    for folder, _, names in os.walk(build):
        for name in names:
            if not name.startswith("libuh_") or not name.endswith(".a") or name[3:].startswith(WRITERS):
                continue
            listed = subprocess.run(["nm", "-u", os.path.join(folder, name)], check=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True).stdout
            for line in listed.splitlines():
                symbol = line.strip().split(" ")[-1]
                if WRITING.match(symbol):
                    yield f"{name}: reaches {symbol}, which only executors may"


def main():
    found = list(include_faults(sys.argv[1])) + (list(symbol_faults(sys.argv[2])) if len(sys.argv) > 2 else [])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may know whom (design section 3), read from #include lines; who may reach the network, and who a call that
writes, from the undefined symbols of the built objects. Prints what is wrong, one line each; exit 1 when anything is."""
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
    "engine/report": {"rules", "plan", "setup"},
    "engine/plan": {"rules", "case", "executors", "sources"},
    "engine/setup": {"wire"},
    "engine/cli": {"rules", "case", "report", "sources", "plan", "setup"},
}
PUBLIC_ONLY = ("checks/", "cleanup/")     # these know <unhybrid/...> and the C library
C_LIBRARY = re.compile(r"^(assert|ctype|errno|inttypes|limits|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|strings|time)\.h$")
NETWORK_HEADER = re.compile(r"^(ldap|lber|ares|krb5|gssapi)\w*\.h$|^(curl|sasl|gssapi)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Calls that change something outside: only executors may reach ours, and only what lies below them in wire/ the
# libraries'. Without an executor nobody may.
WRITING = re.compile(r"^(ldap_(add|modify|delete|rename|modrdn|passwd|extended_operation)\w*"
                     r"|uh_(http|ldap|graph|exo|exchange_online|wsman|psrp)_(write(?!r$)|change|modify|remove|delete)\w*)$")
WRITE_INTENT = re.compile(r"\bUH_HTTP_WRITE\b")
WRITERS = ("engine/wire/", "engine/executors/")
# The libraries that reach the network, and the calls by which one would do without them.
NETWORK = re.compile(r"^(ldap|ber|curl|ares|sasl|gss|krb5)_\w+$|^(socket|connect|send|sendto|sendmsg|getaddrinfo|gethostbyname\w*)$")
NETWORKERS = ("engine/wire/",)
LIBRARY = re.compile(r"^(openssl|curl|sys|netinet|arpa|libxml|cyaml|sasl|gssapi|linux)/|^[a-z0-9_]+\.h$")


def allowed(path, quoted, target):
    if path.startswith(PUBLIC_ONLY):
        return not quoted and (target.startswith("unhybrid/") or bool(C_LIBRARY.match(target)))
    room = next((room for room in ROOMS if path.startswith(room + "/")), None)
    if not quoted:
        if NETWORK_HEADER.match(target) and not path.startswith(NETWORKERS):
            return False
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


def intent_faults(top):
    for path in files(top, ".c", ".h"):
        if path.startswith(("engine/", "checks/", "cleanup/")) and not path.startswith(WRITERS) and WRITE_INTENT.search(read(top, path)):
            yield f"{path}: means to write over HTTP, which only executors may"


def reach_faults(path, symbols, executors):
    """What an object, named by its place below the build directory, may not reach. executors: there are some."""
    for symbol in symbols:
        symbol = symbol.split("@")[0]
        if WRITING.match(symbol) and not (executors and path.startswith(WRITERS)):
            yield f"{path}: reaches {symbol}, which only executors may"
        if NETWORK.match(symbol) and not path.startswith(NETWORKERS):
            yield f"{path}: reaches {symbol}, which only engine/wire may"


def symbol_faults(build):
    executors = os.path.isdir(os.path.join(build, "engine", "executors"))
    objects = []
    for room in ("engine", "checks", "cleanup"):
        for folder, _, names in os.walk(os.path.join(build, room)):
            objects += [os.path.relpath(os.path.join(folder, name), build) for name in names if name.endswith(".o")]
    if not objects:
        yield f"{build}: no object was built there"
        return
    listed = subprocess.run(["nm", "-A", "-u"] + sorted(objects), cwd=build, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in listed.splitlines():  # engine/wire/libuh_wire_ldap.a.p/ldap.c.o:                 U ldap_connect
        path, symbol = line.split(":", 1)[0], line.split()[-1]
        yield from reach_faults(path, [symbol], executors)


def main():
    found = list(include_faults(sys.argv[1])) + list(intent_faults(sys.argv[1]))
    found += list(symbol_faults(sys.argv[2])) if len(sys.argv) > 2 else []
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

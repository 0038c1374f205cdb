# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a test can see: who may know whom, what every file says, how the program is hardened.
The checks are those of ./dev lint; here they run in every test run, and it is shown that they find something."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import TOP

LINT = os.path.join(TOP, "tests", "lint")
sys.path.insert(0, LINT)
import cuts  # noqa: E402
import headers  # noqa: E402
import includes  # noqa: E402

START_SECONDS = 0.010


def lint(script, *arguments):
    done = subprocess.run([sys.executable, os.path.join(LINT, script), TOP, *arguments], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", ["headers.py", "functions.py", "cuts.py"])
def test_rules_of_the_house(script):
    lint(script)


@pytest.mark.parametrize("path, line, may", [
    ("engine/wire/ldap.c", 'uh_fail(err, cls, "%.200s is none", text);', False),
    ("engine/wire/ldap.c", 'uh_fail(err, cls, "%.*s is none", UH_HEAD(text, 200));', True),
    ("engine/plan/look.c", 'printf("%-20.40s", text);', False),
    ("engine/plan/value.c", 'uh_str_addf(out, "%.17g %s", real, text);', True),
    ("engine/plan/look.c", "(void)snprintf(why, sizeof why,", False),
    ("engine/wire/ldap.c", "(void)snprintf(base, sizeof base,", True),
    ("cleanup/setup.c", "return snprintf(out, size,", True),
])
def test_what_may_cut_a_text(path, line, may):
    assert (cuts.fault(path, line) is None) == may


def test_who_may_know_whom(unhybrid):
    """Includes of the sources, and undefined symbols of the objects that this very program was linked from."""
    lint("includes.py", os.path.dirname(os.path.dirname(os.path.dirname(unhybrid.path))))


@pytest.mark.parametrize("path, line, may", [
    ("checks/soa.c", "<unhybrid/check.h>", True),
    ("checks/soa.c", "<string.h>", True),
    ("checks/soa.c", "<sqlite3.h>", False),
    ("checks/soa.c", "<sys/socket.h>", False),
    ("checks/soa.c", '"case/facts.h"', False),
    ("cleanup/relays.c", '"executors/exchange.h"', False),
    ("engine/wire/http.c", '"wire/http.h"', True),
    ("engine/wire/http.c", '"case/facts.h"', False),
    ("engine/wire/http.c", '"sources/source.h"', False),
    ("engine/wire/http.c", '"report/report.h"', False),
    ("engine/sources/dns.c", '"wire/dns.h"', True),
    ("engine/sources/dns.c", '"case/facts.h"', True),
    ("engine/sources/dns.c", '"rules/rules.h"', False),
    ("engine/sources/directory.c", "<ldap.h>", False),
    ("engine/sources/exchange_server.c", "<gssapi/gssapi.h>", False),
    ("engine/wire/gssapi_context.c", "<gssapi/gssapi_krb5.h>", True),
    ("engine/executors/exchange_server.c", '"wire/psrp.h"', True),
    ("engine/executors/exchange_server.c", "<krb5.h>", False),
    ("engine/rules/judge.c", '"case/facts.h"', True),
    ("engine/rules/judge.c", '"wire/dns.h"', False),
    ("engine/rules/judge.c", '"sources/source.h"', False),
    ("engine/report/json.c", '"rules/rules.h"', True),
    ("engine/report/json.c", '"case/facts.h"', False),
    ("engine/case/facts.c", '"sources/source.h"', False),
    ("engine/cli/main.c", '"wire/oauth.h"', False),
])
def test_includes_are_judged(path, line, may):
    assert bool(includes.allowed(path, line[0] == '"', line[1:-1])) is may


@pytest.mark.parametrize("path, symbol, executors, may", [
    ("engine/sources/libuh_sources.a.p/directory.c.o", "ldap_modify_ext_s", True, False),
    ("engine/sources/libuh_sources.a.p/directory.c.o", "uh_ldap_modify", True, False),
    ("engine/sources/libuh_sources.a.p/directory.c.o", "curl_easy_perform", True, False),
    ("engine/sources/libuh_sources.a.p/exchange_server.c.o", "uh_psrp_write", True, False),
    ("engine/sources/libuh_sources.a.p/exchange_online.c.o", "uh_exo_write", True, False),
    ("engine/sources/libuh_sources.a.p/graph.c.o", "uh_graph_write", True, False),
    ("engine/sources/libuh_sources.a.p/graph.c.o", "uh_http_write", True, False),
    ("engine/sources/libuh_sources.a.p/graph_sync.c.o", "uh_graph_batch", True, True),
    ("engine/executors/libuh_executors.a.p/exchange_online.c.o", "uh_exo_write", True, True),
    ("engine/sources/libuh_sources.a.p/exchange_server.c.o", "uh_psrp_read", True, True),
    ("engine/sources/libuh_sources.a.p/exchange_server.c.o", "gss_init_sec_context", True, False),
    ("engine/plan/libuh_plan.a.p/carry_out.c.o", "uh_psrp_write", True, False),
    ("engine/executors/libuh_executors.a.p/exchange_server.c.o", "uh_psrp_write", True, True),
    ("engine/cli/unhybrid.p/main.c.o", "connect", True, False),
    ("checks/libuh_checks.a.p/soa.c.o", "ldap_delete_ext", True, False),
    ("engine/wire/libuh_wire_ldap.a.p/ldap.c.o", "ldap_rename_s", False, False),
    ("engine/wire/libuh_wire_ldap.a.p/ldap.c.o", "ldap_rename_s", True, True),
    ("engine/wire/libuh_wire_ldap.a.p/ldap.c.o", "ldap_search_ext", False, True),
    ("engine/executors/libuh_executors.a.p/directory.c.o", "uh_ldap_modify", True, True),
])
def test_reach_is_judged(path, symbol, executors, may):
    assert (not list(includes.reach_faults(path, [symbol], executors))) is may


@pytest.mark.parametrize("line, good", [
    ("/* SPDX-License-Identifier: Apache-2.0 */\nint x;", True),
    ("int x;", False),
    ("/* SPDX-License-Identifier: Apache-2.0 */\n/* TO" "DO: later */", False),
    ("/* SPDX-License-Identifier: Apache-2.0 */\n/* not impl" "emented */", False),
    ("/* SPDX-License-Identifier: Apache-2.0 */\nchar p[] = \"/tmp/bu" "ild-x\";", False),
    ("/* SPDX-License-Identifier: Apache-2.0 */\nchar p[] = \"/tmp/x-XX" "XXXX\";", True),
])
def test_headers_are_judged(line, good, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "file.c").write_text(line + "\n")
    assert (not list(headers.faults(str(tmp_path)))) is good


def readelf(path, *options):
    return subprocess.run(["readelf", "--wide", *options, path], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_hardened(unhybrid):
    """Position independent, everything resolved and read-only before main, no executable stack, stack protector,
    checked C library calls."""
    headers, dynamic = readelf(unhybrid.path, "--file-header", "--program-headers"), readelf(unhybrid.path, "--dynamic")
    assert re.search(r"^\s*Type:\s+DYN", headers, re.MULTILINE) and re.search(r"FLAGS_1.*\bPIE\b", dynamic)
    assert "GNU_RELRO" in headers and re.search(r"FLAGS.*\b(BIND_NOW|NOW)\b", dynamic)
    stack = re.search(r"^\s*GNU_STACK\s.*$", headers, re.MULTILINE).group(0)
    assert " RW " in stack and "RWE" not in stack
    assert not re.search(r"\bRWE\b", headers) and "TEXTREL" not in dynamic
    assert not re.search(r"\((RPATH|RUNPATH)\)", dynamic)
    symbols = readelf(unhybrid.path, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert {"__memcpy_chk", "__snprintf_chk", "__fprintf_chk"} & set(re.findall(r"\b(__\w+_chk)\b", symbols))


def seconds_to_start(program):
    """CPU seconds of --version."""
    child = os.posix_spawn(program, [program, "--version"], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def test_no_environment_ends_a_release(unhybrid):
    """Failpoints are in builds that ask for them, and a release cannot ask."""
    with open(unhybrid.path, "rb") as program:
        assert b"UNHYBRID_FAILPOINT" not in program.read()


def test_starts_at_once(unhybrid):
    """Nearly all of a start is the loading of libcurl and what that needs (45 libraries): curl pays that too. What comes
    on top is ours. The best of many, in turn: other programs may be busy."""
    runs = [(seconds_to_start(unhybrid.path), seconds_to_start(shutil.which("curl"))) for _ in range(20)]
    ours, curls = (min(times) for times in zip(*runs))
    assert ours < curls + START_SECONDS

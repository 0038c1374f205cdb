#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test: what ./dev test does.

Plain (gcc, warnings are errors): unit tests, fuzz corpora, the integration tests. Address and undefined-behaviour
sanitizers: unit tests, corpora, one organisation, exports and an interrupt end to end; thread sanitizer likewise.
A build with failpoints: a seeded share of ./dev crash --lab. Release builds with gcc and clang: no warning either, and the program is hardened and starts fast.
The last line is `N passed, N failed` (and `, N skipped`); the exit code is 0 when none failed.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLOWEST = 10
BUILD_SECONDS = 1200
SUITE_SECONDS = 40 * 60  # what hangs ends; all of it is meant to take half an hour at the most
WORKERS = 2
GRACE_SECONDS = 60
END_TO_END = ["test_org_truth.py::test_truth[contoso]", "test_cli.py::test_two_processes_and_interrupt", "test_exports.py"]
RELEASE = ["--buildtype=release", "-Db_lto=false", "-Dwerror=true", "-Dtests=false"]
HARDENING = ["test_house.py"]
STAGES = {
    "plain": {"directory": "build", "options": ["-Dwerror=true"], "integration": []},
    "asan": {"directory": "build-asan", "options": ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=true"],
             "integration": END_TO_END,
             "environment": {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99"}},
    "tsan": {"directory": "build-tsan", "options": ["-Db_sanitize=thread", "-Db_lundef=false", "-Dwerror=true"], "integration": END_TO_END,
             "environment": {"TSAN_OPTIONS": "halt_on_error=1:exitcode=99:second_deadlock_stack=1"}},
    "failpoints": {"directory": "build-failpoints", "options": ["-Dfailpoints=true", "-Dtests=false", "-Dwerror=true"],
                   "integration": ["../crash/test_crash_lab.py"]},
    "release": {"directory": "build-release-gcc", "options": RELEASE, "integration": HARDENING},
    "release-clang": {"directory": "build-release-clang", "options": RELEASE, "integration": HARDENING, "compiler": "clang"},
}


class Tally:
    def __init__(self):
        self.results = []  # (stage, name, outcome, seconds)

    def add(self, stage, name, outcome, seconds):
        self.results.append((stage, name, outcome, seconds))
        if outcome == "failed":
            print(f"FAILED  {stage}: {name}", flush=True)

    def count(self, outcome):
        return sum(1 for result in self.results if result[2] == outcome)

    def summary(self):
        print("\nThe slowest:")
        for stage, name, _, seconds in sorted(self.results, key=lambda result: -result[3])[:SLOWEST]:
            print(f"  {seconds:7.2f} s  {stage}: {name}")
        skipped = self.count("skipped")
        print(f"\n{self.count('passed')} passed, {self.count('failed')} failed" + (f", {skipped} skipped" if skipped else ""))
        return 1 if self.count("failed") or not self.count("passed") else 0


def run(command, seconds, environment=None, quiet=False):
    """Exit status; None when it took too long. Output goes through, or stands on stderr when it failed."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, env={**os.environ, **(environment or {})}, cwd=TOP,
                                 stdout=output if quiet else None, stderr=subprocess.STDOUT if quiet else None)
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            child.send_signal(signal.SIGINT)  # pytest then tidies up
            try:
                child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if quiet and status != 0:
            output.seek(0)
            sys.stderr.buffer.write(output.read()[-20000:])
    return status


def build(stage, settings, tally):
    directory = os.path.join(TOP, settings["directory"])
    began = time.monotonic()
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        shutil.rmtree(directory, ignore_errors=True)
        setup = ["meson", "setup", directory, TOP, "-Dtests=true"] + settings["options"]
        if run(setup, BUILD_SECONDS, {"CC": settings.get("compiler") or os.environ.get("CC", "gcc")}, quiet=True) != 0:
            tally.add(stage, "meson setup", "failed", time.monotonic() - began)
            return None
    else:  # built by hand with other options, perhaps
        options = [option.replace("--buildtype", "-Dbuildtype") for option in settings["options"]]
        run(["meson", "configure", directory, "-Dtests=true"] + options, BUILD_SECONDS, quiet=True)
    status = run(["ninja", "-C", directory], BUILD_SECONDS, quiet=True)
    tally.add(stage, "build", "passed" if status == 0 else "failed", time.monotonic() - began)
    return directory if status == 0 else None


def meson_tests(stage, directory, environment, tally):
    if "-Dtests=false" in STAGES[stage]["options"]:
        return
    run(["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs", "--num-processes", "2"], SUITE_SECONDS, environment)
    try:
        with open(os.path.join(directory, "meson-logs", "testlog.json"), encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                outcome = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}.get(test["result"], "failed")
                tally.add(stage, test["name"], outcome, test["duration"])
    except (OSError, ValueError) as error:
        tally.add(stage, f"unit tests ({error})", "failed", 0)


def pytest_results(stage, report, tally):
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        name = case.get("classname", "").rsplit(".", 1)[-1] + "::" + case.get("name", "")
        tally.add(stage, name, outcome, float(case.get("time") or 0))


def integration(stage, directory, settings, tally):
    wanted = [os.path.join(TOP, "tests", "integration", name) for name in settings["integration"] or [""]]
    environment = {"BUILD_DIR": directory, "UNHYBRID": os.path.join(directory, "engine", "cli", "unhybrid"),
                   **settings.get("environment", {})}
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.xml")
        # Files are shared out to the cores: each worker has labs of its own.
        shared_out = ["-n", str(WORKERS), "--dist", "loadfile"]
        status = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report] + shared_out + wanted,
                     SUITE_SECONDS, environment)
        if os.path.exists(report):
            pytest_results(stage, report, tally)
        if status not in (0, 1) or not os.path.exists(report):
            tally.add(stage, f"pytest ended with {status}", "failed", 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this one; may be given again")
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    tally = Tally()
    for stage in arguments.stage or STAGES:
        settings = STAGES[stage]
        print(f"\n==== {stage}", flush=True)
        directory = build(stage, settings, tally)
        if directory:
            meson_tests(stage, directory, settings.get("environment"), tally)
            integration(stage, directory, settings, tally)
    return tally.summary()


if __name__ == "__main__":
    sys.exit(main())

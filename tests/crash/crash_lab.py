#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cleanup of a small simulated organisation (fixtures/orgs/tailspin), and the sweep of it after the uninstall, killed and disturbed,
then resumed until it is done.

    crash_lab.py PROGRAM [--command cleanup|sweep] [--seed N] [--kills N] [--requests N | --every-request] [--all] [--seconds N]
                         [--jobs N] [--only failpoints|kills|faults] [--match TEXT]

PROGRAM is built with the meson option `failpoints`. After each run the same is judged, by what the simulators and not the
program say: no object was deleted twice and nothing else happened twice; the journal held the object's before-image before it was
touched, by the order of its records and the time at which each was durable; the end is that of the run that nobody disturbed; the
journal's chain is whole after every stop. In the sweep entries of the directory go, too, single ones and a whole tree.

  failpoints   killed each time that each named place is passed
  kills        killed at random times (cleanup 300, --all 2,000; sweep 60, --all 300), the sweep also at some deletions of the directory
               (--all: at each)
  faults       every kind of the cloud simulator's faults, at three requests of each service (--every-request: at all of them; sweep
               one), and the answer of each write lost; the exit code is one that may follow this very fault

Every job has a lab of its own and takes its share of the runs. --seconds: stops beginning new runs after so long, having taken them in
a seeded order. The last line has the figures.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)

import yaml  # noqa: E402

from fixtures.lab import certificates, process, snapshot, uninstall, written  # noqa: E402
from fixtures.lab.lab import Lab, state_facts  # noqa: E402
from fixtures.lab.person import Person  # noqa: E402

process.BOUND = True

KILLS, ALL_KILLS = {"cleanup": 300, "sweep": 60}, {"cleanup": 2000, "sweep": 300}
REQUESTS = {"cleanup": 3, "sweep": 1}
RUN_SECONDS, POLL = 120, 0.0005
DELETIONS = 8   # of those of the directory, so many are places to be killed at; --all: every one
SUM = re.compile(r"^(\d+) of (\d+) runs, (\d+) failed.*$", re.M)
WRITES_OUTSIDE = {"change", "graph", "directory"}
RESUMES = 25           # a run that is not done after so many is not getting anywhere
DONE, UNDETERMINED, WORK_LEFT, NO_DATA, CANNOT_WRITE = 0, 2, 3, 65, 73   # exit codes, docs: README
UNDER_WAY = {"begun", "applied", "in-doubt"}
QUICK = {"throttle": {"seconds": 0.1}, "unavailable": {"seconds": 0.1}, "slow": {"seconds": 0.2}, "delay": {"seconds": 0.2},
         "stall": {"seconds": 1}, "batch_throttle": {"seconds": 0.1}, "reset_after": {"after": True}}
# Times and what is counted from the start are another's of each run.
MOMENTS = {"whenChanged", "WhenChanged", "WhenChangedUTC", "deletedDateTime", "onPremisesLastSyncDateTime", "OnPremisesLastSyncDateTime"}


class Wrong(Exception):
    """What a run is judged by does not hold."""


def expect(held, what):
    if not held:
        raise Wrong(what)


class Cleanup:
    """What is disturbed, and how it is asked for."""

    command, audit, attested = "cleanup", (), ()
    words = ("cleanup", "--yes=irreversible")
    resume = ("resume", "--yes=irreversible")
    executors = {"on-premises", "cloud", "servicePrincipals", "applications"}

    def prepare(self, lab, settings):
        pass

    def choose(self, plan):
        pass

    @staticmethod
    def written(lab):
        return written.of(lab)


class Sweep(Cleanup):
    """After the uninstall: the server is gone, a service connection point was left, a security group was removed by hand. The
    organisation's container goes with all that stands below it, one object after the other."""

    command, audit = "sweep", ("--purpose", "after")
    attested = ({"fact": "cleanup.observation-window", "value": "yes"}, {"fact": "sanity.attribute", "value": "yes", "object": "homeMDB"})
    approve = ("--approve", "organization-container")
    words = ("sweep", "--yes=irreversible", *approve)
    resume = ("resume", "--yes=irreversible", *approve)
    executors = {"cloud", "servicePrincipals", "applications", "deleted", "modified"}
    group = "cn=delegated setup,"

    def prepare(self, lab, settings):
        uninstall.play(lab, "server-only", ("scp",), force=True)
        link = uninstall.connect(lab)
        try:
            forest = uninstall.Forest(link, False)
            forest.delete([dn for dn in forest.objects if dn.startswith(self.group)], [])
        finally:
            link.unbind_s()
        del lab.state["exchange"], settings["exchange"], settings["operator"]["exchange"]

    def choose(self, plan):
        """The steps that --only has to name so that the container goes, and all before it."""
        steps = [step["id"] for step in plan["steps"] if step["state"] in ("actions", "nothing")]
        self.words += ("--only", ",".join(steps + ["organization-container"]))

    @staticmethod
    def written(lab):
        rows = written.of(lab) + written.to_directory(lab)
        return sorted(rows, key=lambda row: row["time"])


WAYS = {"cleanup": Cleanup, "sweep": Sweep}


class Bench:
    """One running organisation, put back before each run."""

    def __init__(self, program, scratch, way):
        self.program, self.scratch, self.way = program, scratch, way
        self.lab = Lab("tailspin", os.path.join(scratch, "tailspin"))
        self.lab.up(exchange="basic")
        self.configuration = self.lab.path("crash.yaml")
        with open(self.lab.path("tailspin.yaml"), encoding="utf-8") as text:
            settings = yaml.safe_load(text)
        settings.update(pauses={"observe": "1s"}, replication={"directory": "1s", "cloud": "1s"})
        way.prepare(self.lab, settings)
        certificates.write_private(self.configuration, yaml.safe_dump(settings, sort_keys=False))
        self.template = os.path.join(scratch, "template.case")
        self.case = os.path.join(scratch, "run.case")
        self.passed = []   # a file for each process of this run: the failpoints that it passed
        self.call("audit", *way.audit, case=self.template)
        list(state_facts(self.program, self.configuration, [*self.lab.attestations(), *way.attested], self.template))
        self.clean = snapshot.take(self.lab)
        self.kinds, self.codes = snapshot.cloud(self.lab, "kinds"), collections.Counter()
        self.reference = None

    def close(self):
        self.lab.down()

    # ---- running
    def start(self, *words, case=None, environment=None):
        command = [self.program, "-c", self.configuration, "-C", case or self.case, "-q", "--no-progress", *words]
        self.output = tempfile.TemporaryFile()
        self.passed.append(os.path.join(self.scratch, f"passed-{len(self.passed)}.txt"))
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
                                env=dict(os.environ, UNHYBRID_FAILPOINT_LOG=self.passed[-1], **(environment or {})))

    def wait(self, child):
        try:
            return child.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.wait()
            raise Wrong(f"does not end within {RUN_SECONDS} seconds") from error

    def call(self, *words, case=None, environment=None):
        return self.wait(self.start(*words, case=case, environment=environment))

    def said(self):
        self.output.seek(0)
        return self.output.read()[-1500:].decode("utf-8", "replace")

    def reset(self):
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(self.template, self.case)
        for path in self.passed:
            if os.path.exists(path):
                os.unlink(path)
        self.passed = []
        snapshot.restore(self.lab, self.clean)

    def chain_is_whole(self):
        """A process that was killed while it made the journal, or wrote a record, leaves a write that is cut off: said, and put in order by
        the next run. Before the first record nothing has been begun."""
        if not os.path.exists(self.journal()):
            return
        cut = os.path.exists(self.journal() + "-journal")
        code = self.call("journal", "verify")
        allowed = {DONE} if not cut else {DONE, CANNOT_WRITE} if self.records() else {DONE, NO_DATA, CANNOT_WRITE}
        if not cut and not os.path.getsize(self.journal()):
            allowed = {NO_DATA}
        expect(code in allowed, f"journal verify ends with {code}, not {sorted(allowed)}: {self.said()}")

    def journal(self):
        return os.path.join(self.case, "journal.db")

    def records(self):
        """Of a copy, in which SQLite undoes a write that was cut off."""
        copy = os.path.join(self.scratch, "journal.db")
        for end in ("", "-journal"):
            if os.path.exists(copy + end):
                os.unlink(copy + end)
            if os.path.exists(self.journal() + end):
                shutil.copyfile(self.journal() + end, copy + end)
        with contextlib.closing(sqlite3.connect(copy)) as journal:
            if not journal.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'record'").fetchone()[0]:
                return []
            return [Record(type_, action, bytes(image or b"").lower())
                    for type_, action, image in journal.execute("SELECT type, action, image FROM record ORDER BY seq")]

    def finish(self, code):
        """Resumes until all is done, the person doing what waits for a person. -> how often."""
        person = Person(self.lab, self.case)
        for times in range(RESUMES):
            self.chain_is_whole()
            if code == DONE:
                return times
            if code == WORK_LEFT:
                person.serve(self.program, self.configuration, True)
                self.wait_for_pause()
            # Killed before there was a plan, there is nothing to resume; what a plan could not tell, a new one has to.
            begun = self.planned()
            if begun and code == WORK_LEFT and self.status()["cleanup"]["plan"]["state"] == "finished":
                begun = False
            words = self.way.resume if begun else self.way.words
            code = self.call(*words)
            expect(code in (DONE, WORK_LEFT), f"{words[0]} ends with {code}: {self.said()}")
        raise Wrong(f"not done after {RESUMES} times: exit {code}: {self.said()}")

    def wait_for_pause(self):
        until = [row["until"] for row in self.status().get("waiting", []) if row.get("until")]
        if until:
            time.sleep(1)

    def plan(self):
        """As a dry run shows it."""
        command = [self.program, "-c", self.configuration, "-C", self.case, "-q", "--no-progress", self.way.command, "--dry-run", "--format", "json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=RUN_SECONDS, check=False)
        return json.loads(done.stdout)

    def status(self):
        code = self.call("status", "--format", "json")
        self.output.seek(0)
        try:
            return json.load(self.output)
        except ValueError as error:
            raise Wrong(f"status ends with {code} and says no JSON: {self.said()}") from error

    def planned(self):
        return any(record.type == "planned" for record in self.records())

    # ---- judging
    def judge(self):
        rows = self.way.written(self.lab)
        expect(not written.deleted_twice(rows), f"deleted twice: {written.deleted_twice(rows)}")
        self.judge_images(rows)
        self.judge_effects(rows)
        held = snapshot.take(self.lab)
        for row in snapshot.differences(self.reference["end"], held):
            side, kind, name, how, changed = row
            expect(how == "changed" and set(changed) <= MOMENTS, f"the end is another: {side} {kind} {name} {how} {changed}")

    def judge_images(self, rows):
        """Before an object was touched, the journal had it as it was: durable in that very process, which then sent the change."""
        begun = durable(self.records(), [passed(path) for path in self.passed])
        for row in rows:
            # By its GUID or DN; an application and its principal, of which one goes with the other, by their name.
            keys = [json.dumps(key.lower(), ensure_ascii=False)[1:-1].encode() for key in (row["object"], row["name"]) if key]
            expect(row["how"] == "created" or any(time_ < row["time"] and key in record.image for record, time_ in begun for key in keys),
                   f"no before-image of {row['kind']} {row['name']} before it was {row['how']}")

    def judge_effects(self, rows):
        """Nothing happened more often than when nobody disturbed it."""
        counted = effects(rows)
        for key, times in counted.items():
            expect(times <= self.reference["effects"][key], f"{times} times, not {self.reference['effects'][key]}: {key}")

    # ---- the run that nobody disturbs
    def undisturbed(self):
        self.reset()
        self.way.choose(self.plan())
        self.reset()
        began = time.monotonic()
        code = self.call(*self.way.words)
        seconds = time.monotonic() - began
        expect(code in (DONE, WORK_LEFT), f"{self.way.command} ends with {code}: {self.said()}")
        requests = [row for row in snapshot.cloud(self.lab, "log") if row["service"] in ("token", "exchange", "graph")]
        places = collections.Counter(name for name, _ in passed(self.passed[-1]))
        self.finish(code)
        rows = self.way.written(self.lab)
        self.reference = {"end": snapshot.take(self.lab), "effects": effects(rows), "requests": requests, "seconds": seconds, "places": places, "code": code,
                          "deletions": sum(row["by"] == "DEL" for row in rows)}
        self.judge()
        by = {row["side"] for row in rows} | {row["kind"] for row in rows if row["kind"] in ("servicePrincipals", "applications")}
        by |= {row["how"] for row in rows if row["kind"] == "DirectoryEntry"}
        expect(self.way.executors <= by, f"not every executor has something to do: {sorted(by)}")
        expect(places, "no failpoint was passed: the program is not built with -Dfailpoints=true")

    # ---- disturbed ones
    def killed_at(self, place, nth):
        self.reset()
        code = self.call(*self.way.words, environment={"UNHYBRID_FAILPOINT": f"{place}:{nth}"})
        expect(code == -signal.SIGKILL, f"was not killed at {place}:{nth}, but ended with {code}: {self.said()}")
        self.finish(code)
        self.judge()

    def killed_after(self, seconds):
        """Killed at a time, and so is what goes on with it, some more times."""
        self.reset()
        words, code = self.way.words, None
        for wait in seconds:
            child = self.start(*words)
            try:
                code = child.wait(wait)
                break
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            self.chain_is_whole()
            words = self.way.resume if self.planned() else self.way.words
        self.finish(code)
        self.judge()

    def killed_at_deletion(self, nth):
        """Killed as soon as the directory has been asked for so many deletions: most of them are a tree's."""
        self.reset()
        child, seen = self.start(*self.way.words), 0
        with open(snapshot.slapd_log(self.lab), encoding="utf-8", errors="replace") as log:
            while seen < nth and child.poll() is None:
                seen += log.read().count(" DEL dn=")
                time.sleep(POLL)
        child.kill()
        self.finish(child.wait())
        self.judge()

    def faulty(self, kind, match):
        self.reset()
        args = QUICK.get(kind, {})
        snapshot.cloud(self.lab, "faults", [{"match": match, "fault": kind.replace("reset_after", "reset"), "args": args, "times": 1}])
        code = self.call(*self.way.words)
        self.judge_code(code, kind, match)
        snapshot.cloud(self.lab, "faults", method="DELETE")
        # An observation that a fault spoiled is made again: that is what the remedy says.
        self.finish(code)
        self.judge()


    def judge_code(self, code, kind, match):
        """By design section 4.2. What a careful client recovers from changes nothing: it ends as the run that nobody disturbed, with what
        a person has to do. So does a write that failed: its action is left. Any other fault may also leave something unread before a
        step, or before all of them: undetermined, and nothing is under way then. Never blocked, nor data, a service or a sign-in that is
        wrong as a whole, for the others still answer; nor an internal error; nor all done, for there is a person's part."""
        recovered = kind == "reset_after" or self.kinds[kind]["recoverable"]
        allowed = {self.reference["code"], WORK_LEFT} | (set() if recovered or match.get("writes") else {UNDETERMINED})
        self.codes[kind, code] += 1
        expect(code in allowed, f"ends with {code}, not {sorted(allowed)}: {self.said()}")
        if code == UNDETERMINED:
            last = {record.action: record.type for record in self.records() if record.action}
            open_ = [action for action, type_ in last.items() if type_ in UNDER_WAY]
            expect(not open_, f"undetermined, with something under way: {open_}")


def effects(rows):
    return collections.Counter((row["side"], row["kind"], row["object"], row["how"], tuple(name for name in row["values"] if name not in MOMENTS))
                               for row in rows)


# ---- when a record was durable

Record = collections.namedtuple("Record", "type action image")


def passed(path):
    """[(failpoint, time)] of one process."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [(name, float(at)) for name, at in map(str.split, lines)]


def durable(records, processes):
    """[(record `begun`, when it was durable)]. Each process says before and after it writes a record; one that died in between may
    have written it, and sent nothing any more."""
    out, left = [], collections.deque(records)
    opened = collections.Counter(name for notes in processes for name, _ in notes)["after-opened"]
    for notes in processes:
        for (name, _), (after, at) in zip(notes, notes[1:] + [("", 0)]):
            if not name.startswith("before-") or name.split("-", 1)[1] in WRITES_OUTSIDE:
                continue
            type_ = name.split("-", 1)[1]
            said = after == "after-" + type_
            if said:
                expect(left and left[0].type == type_, f"the journal does not hold what was written: {type_}, but {left and left[0].type}")
                opened -= type_ == "opened"
            elif not left or left[0].type != type_ or (type_ == "opened" and sum(one.type == "opened" for one in left) <= opened):
                continue   # it died before: what stands there is another process's
            record = left.popleft()
            if said and type_ == "begun":
                out.append((record, at))
    expect(not left, f"the journal holds what nobody wrote: {[one.type for one in left]}")
    return out


# ---- which runs

def fault_runs(bench, requests, dice):
    """(name, run): each kind at so many requests of each service, the first write among them; 0: at every one."""
    kinds = bench.kinds
    numbers = collections.Counter(row["service"] for row in bench.reference["requests"])
    writes = collections.Counter(row["service"] for row in bench.reference["requests"] if row["writes"])
    for service, total in sorted(numbers.items()):
        for kind in sorted([name for name, about in kinds.items() if service in about["services"]] + ["reset_after"]):
            places = [({"service": service, "writes": True, "nth": 1 + n}, f"write {1 + n}") for n in range(writes[service])]
            others = [({"service": service, "nth": 1 + n}, f"request {1 + n}") for n in range(total)]
            if requests:
                places = dice.sample(places, min(1, len(places)))
                places += dice.sample(others, min(requests - len(places), len(others)))
            else:
                places += others
            for match, where in places:
                yield f"fault {kind} at {service} {where}", lambda kind=kind, match=match: bench.faulty(kind, match)


def runs(bench, arguments, dice):
    out = []
    if arguments.only in (None, "failpoints"):
        for place, times in sorted(bench.reference["places"].items()):
            out += [(f"killed at {place}:{n}", lambda place=place, n=n: bench.killed_at(place, n)) for n in range(1, times + 1)]
    if arguments.only in (None, "kills"):
        for number in range(arguments.kills or (ALL_KILLS if arguments.all else KILLS)[arguments.command]):
            times = [dice.uniform(0, bench.reference["seconds"]) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
            out.append((f"killed after {', '.join(f'{one:.3f}' for one in times)} s (number {number})", lambda times=times: bench.killed_after(times)))
        deletions = bench.reference["deletions"]
        for nth in range(1, deletions + 1, 1 if arguments.all else max(1, deletions // DELETIONS)):
            out.append((f"killed at deletion {nth} of the directory", lambda nth=nth: bench.killed_at_deletion(nth)))
    if arguments.only in (None, "faults"):
        out += fault_runs(bench, 0 if arguments.every_request or arguments.all else arguments.requests or REQUESTS[arguments.command], dice)
    return out


def carry_out(bench, chosen, until, keep):
    done, failed = 0, []
    for name, run in chosen:
        if until and time.monotonic() > until:
            break
        try:
            run()
        except Exception as error:  # one run that goes wrong is reported, and the next one begins
            failed.append(name)
            kept = f"{keep}-{len(failed)}.case"
            shutil.rmtree(kept, ignore_errors=True)
            if os.path.exists(bench.case):
                shutil.copytree(bench.case, kept)
            print(f"FAILED {name}: {type(error).__name__}: {error}\n  the case: {kept}", flush=True)
        done += 1
        if done % 50 == 0:
            print(f"{done} runs done", file=sys.stderr, flush=True)
    return done, failed


def follow(child):
    """Passes on what a child says, as it says it. -> its figures, None when it did not come to its end."""
    figures = None
    for line in child.stdout:
        found = SUM.search(line)
        figures = found or figures
        if not found:
            print(line, end="", flush=True)
    child.wait()
    return figures


def share_out(arguments):
    """Runs so many of these programs as there are jobs, each on its share, and adds up what they say."""
    began = time.monotonic()
    children = [subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--jobs", "1", "--share", f"{n}/{arguments.jobs}"],
                                 stdout=subprocess.PIPE, text=True) for n in range(arguments.jobs)]
    with concurrent.futures.ThreadPoolExecutor(len(children)) as pool:
        figures = [tuple(map(int, found.groups())) if found else (0, 0, 0) for found in pool.map(follow, children)]
    done, failed = (sum(one[n] for one in figures) for n in (0, 2))
    print(f"{arguments.command}: {done} of {figures[0][1]} runs, {failed} failed, seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 0 if all(child.returncode == 0 for child in children) and all(one[0] for one in figures) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", choices=WAYS, help="default: one after the other")
    parser.add_argument("--kills", type=int, help=f"random kills (default {KILLS})")
    parser.add_argument("--requests", type=int, help=f"of each service, for each kind of fault (default {REQUESTS})")
    parser.add_argument("--every-request", action="store_true")
    parser.add_argument("--all", action="store_true", help=f"{ALL_KILLS} kills, faults at every request")
    parser.add_argument("--seconds", type=float, help="begin no new run after so long; runs are taken in a seeded order")
    parser.add_argument("--only", choices=("failpoints", "kills", "faults"))
    parser.add_argument("--jobs", type=int, default=1, help="labs at the same time")
    parser.add_argument("--share", default="0/1", help=argparse.SUPPRESS)
    parser.add_argument("--match", help="only runs whose name holds this")
    parser.add_argument("--keep", default=tempfile.gettempdir(), help="where the cases of failed runs go")
    arguments = parser.parse_args()
    if not arguments.command:
        return max(subprocess.call([sys.executable, __file__, *sys.argv[1:], "--command", command]) for command in WAYS)
    if arguments.jobs > 1:
        return share_out(arguments)
    share, of = map(int, arguments.share.split("/"))
    began, dice = time.monotonic(), random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(os.path.abspath(arguments.program), scratch, WAYS[arguments.command]())
        try:
            bench.undisturbed()
            chosen = [run for run in runs(bench, arguments, dice) if not arguments.match or arguments.match in run[0]]
            if arguments.seconds:
                dice.shuffle(chosen)
            places = sum(bench.reference["places"].values())
            print(f"{arguments.command} undisturbed: {bench.reference['seconds']:.2f} s, {places} failpoints passed of {len(bench.reference['places'])} names, "
                  f"{len(bench.reference['requests'])} requests to the cloud; {len(chosen)} runs, seed {arguments.seed}", flush=True)
            counts = collections.Counter(name.split()[0] for name, _ in chosen)
            print(f"{arguments.command}: {counts['killed']} kills, {counts['fault']} faults of {len(bench.kinds) + 1} kinds", flush=True)
            done, failed = carry_out(bench, chosen[share::of], time.monotonic() + arguments.seconds if arguments.seconds else None,
                                     os.path.join(arguments.keep, f"failed-{share}"))
        finally:
            bench.close()
    print(f"{done} of {len(chosen)} runs, {len(failed)} failed, seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())

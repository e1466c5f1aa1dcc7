"""Reads the logs of test_commands and checks what the coordinator promises.

    check_commands.py FINAL LOG...

FINAL has one line "KEY REVISION VALUE" for each key as it is at the end, and
one line "task ID COMPLETIONS" for each task that the journal knows.

 - Revisions are unique, and their order respects real time: what was answered
   before another call began has the smaller one.
 - A read gives a value that was written under that revision, and never one
   older than what was acknowledged before the read began (linearizable).
 - A compare-and-set that was done came directly after the revision it named.
 - Every acknowledged increment counts once, no other one counts twice: the
   answers of a counter are distinct, and the end is their number plus at most
   the calls without an answer.
 - Every acknowledged task is there and has exactly one result.

The last line has the figures; exit status 1 when anything was broken."""
import collections
import sys


class Call:
    __slots__ = ("op", "key", "argument", "expected", "begin", "end", "verdict", "why", "revision", "value", "name")


def read(path, marks):
    calls = {}
    for line in open(path, encoding="utf-8"):
        kind, number, *words = line.split()
        if kind == "E":
            marks.append((int(number), " ".join(words)))
        elif kind == "I":
            call = calls[number] = Call()
            call.name = f"{path.rsplit('/', 1)[-1]}#{number}"
            call.begin, (call.op, call.key, call.argument, call.expected) = int(words[0]), words[1:]
            call.end, call.verdict, call.why = float("inf"), "open", ""
        elif kind == "R":
            call = calls[number]
            call.verdict, call.why = words[1], words[2]
            if call.verdict == "ok":
                call.end = int(words[0])
                call.revision = int(words[2]) if words[2] != "-" else 0
                call.value = words[3]
    return list(calls.values())


class Checker:
    def __init__(self, calls, final, tasks):
        self.calls, self.final, self.tasks = calls, final, tasks
        self.broken = []

    def fail(self, text):
        self.broken.append(text)

    def revisions(self):
        """One order for all writes, which agrees with real time."""
        writes = sorted((c for c in self.calls if c.verdict == "ok" and c.op in ("add", "put", "cas")),
                        key=lambda c: c.revision)
        latest = None
        for before, call in zip([None] + writes, writes):
            if before and before.revision == call.revision:
                self.fail(f"{before.name} and {call.name} have the same revision {call.revision}")
            if latest and latest.begin > call.end:
                self.fail(f"{call.name} was answered before {latest.name} began, but has the larger revision")
            if not latest or call.begin > latest.begin:
                latest = call

    def registers(self):
        by_key = collections.defaultdict(list)
        for call in self.calls:
            if call.op in ("put", "cas", "get"):
                by_key[call.key].append(call)
        for key, calls in by_key.items():
            self.register(key, calls)

    def register(self, key, calls):
        writes = {c.argument: c for c in calls if c.op != "get"}
        under = {}  # revision -> value
        for call in calls:
            if call.op != "get" and call.verdict == "ok":
                under[call.revision] = call.argument
        if key in self.final:
            revision, value = self.final[key]
            self.seen(key, "the end", revision, value, writes, under, float("inf"))
        else:
            revision = 0
        if under and max(under) > revision:
            self.fail(f"{key}: acknowledged revision {max(under)}, at the end it is {revision}")
        reads = [c for c in calls if c.op == "get" and c.verdict == "ok"]
        for call in reads:
            self.seen(key, call.name, call.revision, call.value, writes, under, call.end)
        # what a call that was answered knew, every later read must know
        events = sorted([(c.end, 0, c) for c in calls if c.verdict == "ok"] +
                        [(c.begin, 1, c) for c in reads], key=lambda e: e[:2])
        newest, at = 0, {}
        for _, kind, call in events:
            if kind == 0:
                newest = max(newest, call.revision)
            else:
                at[call] = newest
        for call in reads:
            if call.revision < at[call]:
                self.fail(f"{call.name} read revision {call.revision} of {key}, but {at[call]} was acknowledged before")
        order = sorted(under)
        for call in calls:
            if call.op == "cas" and call.verdict == "ok":
                i = order.index(call.revision)
                if i and order[i - 1] > int(call.expected):
                    self.fail(f"{call.name} replaced revision {call.expected} of {key}, but {order[i - 1]} lay between")

    def seen(self, key, who, revision, value, writes, under, end):
        if revision == 0:
            return
        if under.get(revision, value) != value:
            self.fail(f"{who}: {key} has {value} under revision {revision}, {under[revision]} was acknowledged")
        write = writes.get(value)
        if not write:
            self.fail(f"{who}: {key} has {value}, which nobody wrote")
        elif write.verdict == "no":
            self.fail(f"{who}: {key} has {value}, which was refused")
        elif write.begin > end:
            self.fail(f"{who}: {key} has {value} before it was written")

    def counters(self):
        by_key = collections.defaultdict(list)
        for call in self.calls:
            if call.op == "add":
                by_key[call.key].append(call)
        for key, calls in by_key.items():
            done = [c for c in calls if c.verdict == "ok"]
            sure = len(done)
            perhaps = sum(c.verdict == "open" for c in calls)
            answers = collections.Counter(c.value for c in done)
            for value, times in answers.items():
                if times > 1:
                    self.fail(f"{key}: {times} increments were answered with {value}")
            end = int(self.final.get(key, (0, "0"))[1])
            if not sure <= end <= sure + perhaps:
                self.fail(f"{key}: is {end}, {sure} increments were acknowledged and {perhaps} are open")

    def submissions(self):
        for call in self.calls:
            if call.op != "submit":
                continue
            results = self.tasks.get(call.key, 0)
            if results > 1:
                self.fail(f"task {call.key} has {results} results")
            elif call.verdict == "ok" and results == 0:
                self.fail(f"task {call.key} was acknowledged and has no result")
            elif call.verdict == "no" and results:
                self.fail(f"task {call.key} was refused and has a result")


def fail_over(calls, marks):
    """From a leader's end to the first answer to something asked after it."""
    done = sorted((c for c in calls if c.verdict == "ok" and c.op != "get"), key=lambda c: c.end)
    times = []
    for at, text in marks:
        if text == "leader killed":
            times += [(c.end - at) / 1000 for c in done if c.begin > at][:1]
    if times:
        times.sort()
        print(f"{len(times)} leaders killed, next accepted command after {times[len(times) // 2]:.0f} ms (median), "
              f"{times[-1]:.0f} ms (longest)")


def main():
    final, tasks = {}, {}
    for line in open(sys.argv[1], encoding="utf-8"):
        words = line.split()
        if words[0] == "task":
            tasks[words[1]] = int(words[2])
        else:
            final[words[0]] = (int(words[1]), words[2])
    marks = []
    calls = [call for path in sys.argv[2:] for call in read(path, marks)]
    checker = Checker(calls, final, tasks)
    checker.revisions()
    checker.registers()
    checker.counters()
    checker.submissions()
    for text in checker.broken:
        print(text)
    fail_over(calls, marks)
    verdicts = collections.Counter(c.verdict for c in calls)
    refusals = collections.Counter(c.why for c in calls if c.verdict != "ok" and c.why)
    print("not done: " + (", ".join(f"{n} {why}" for why, n in refusals.most_common()) or "none"))
    print(f"{len(calls)} calls: {verdicts['ok']} done, {verdicts['no']} refused, "
          f"{verdicts['open']} open; {len(checker.broken)} broken promises")
    sys.exit(1 if checker.broken else 0)


main()

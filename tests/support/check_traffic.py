"""Reads the logs of test_traffic and checks what Covey promises about them.

    check_traffic.py [--unsure AGENT] [NODE=AGENT ...] LOG...

Every targeted event that was accepted was delivered once, in the order of its
sender and priority, or its sender was told that it was not. Every broadcast
came once, or is in a range that was announced as lost. NODE=AGENT says which
agent's broadcasts the gaps of a node id are about: then ranges must fit
exactly. What concerns an --unsure agent (its node was killed) may be lost, and
is counted; it still comes at most once and in order.

The last line has the figures; exit status 1 when anything was broken."""
import collections
import re
import sys

GAP = re.compile(r"(\d+) broadcasts of type (\S+) from node (\S+) were lost: (\d+) to (\d+)")


class Agent:
    def __init__(self):
        self.sent = {}  # id -> (to, priority, seq), accepted
        self.open = {}  # the same, without verdict
        self.told = set()
        self.doubts = set()  # told that they may not have been
        self.received = []  # (from, priority, seq, id)
        self.broadcasts = 0
        self.open_broadcasts = set()
        self.heard = collections.defaultdict(list)  # from -> [seq]
        self.gaps = []  # (node, first, last)
        self.refusals = 0


def read(path):
    agent = Agent()
    for line in open(path, encoding="utf-8"):
        kind, *words = line.split()
        if kind in "PM":
            to, priority, seq, event = words
            (agent.sent if kind == "P" else agent.open)[event] = (to, priority, int(seq))
        elif kind == "R":
            sender, priority, seq, event = words
            agent.received.append((sender, priority, int(seq), event))
        elif kind == "U":
            (agent.doubts if words[1] == "TIMEOUT" else agent.told).add(words[0])
        elif kind in "BN":
            agent.broadcasts = int(words[0])
            if kind == "N":
                agent.open_broadcasts.add(int(words[0]))
        elif kind == "b":
            agent.heard[words[0]].append(int(words[1]))
        elif kind == "G":
            found = GAP.match(line[2:])
            if found and found[2] == "broadcast":
                agent.gaps.append((found[3], int(found[4]), int(found[5])))
        elif kind == "W":
            agent.refusals += 1
    return agent


class Check:
    def __init__(self, agents, nodes, unsure):
        self.agents, self.nodes, self.unsure = agents, nodes, unsure
        self.faults = collections.defaultdict(list)
        self.count = collections.Counter()

    def fault(self, what, text):
        self.faults[what].append(text)

    def targeted(self):
        times = collections.Counter()
        last = {}
        for name, agent in self.agents.items():
            for sender, priority, seq, event in agent.received:
                times[event] += 1
                known = self.agents[sender].sent.get(event) or self.agents[sender].open.get(event)
                if known != (name, priority, seq) and sender not in self.unsure:
                    self.fault("from nowhere", f"{sender} to {name}: {priority} {seq}")
                if last.get((sender, name, priority), 0) >= seq and times[event] == 1:
                    self.fault("out of order", f"{sender} to {name}: {priority} {seq} after "
                                               f"{last[sender, name, priority]}")
                last[sender, name, priority] = seq
        for name, agent in self.agents.items():
            self.count["open"] += len(agent.open)
            for event, (to, priority, seq) in agent.sent.items():
                self.count["targeted"] += 1
                text = f"{name} to {to}: {priority} {seq} {event}"
                if times[event] > 1:
                    self.fault("twice", text)
                if event in agent.told:
                    self.count["told"] += 1
                    if times[event]:
                        self.fault("told, and delivered", text)
                elif event in agent.doubts:
                    self.count["told in doubt"] += 1
                elif not times[event]:
                    if {name, to} & self.unsure:
                        self.count["unsure and lost"] += 1
                    else:
                        self.fault("lost", text)

    def broadcasts(self):
        for name, agent in self.agents.items():
            lost = collections.defaultdict(list)
            for node, first, last in agent.gaps:
                if node in self.nodes:
                    lost[self.nodes[node]] += range(first, last + 1)
            for sender, other in self.agents.items():
                heard = agent.heard[sender]
                self.count["broadcasts delivered"] += len(heard)
                self.count["broadcasts announced"] += len(lost[sender])
                if len(set(heard)) < len(heard):
                    self.fault("broadcast twice", f"{sender} at {name}")
                if any(a >= b for a, b in zip(heard, heard[1:])):
                    self.fault("broadcast out of order", f"{sender} at {name}")
                if sender in self.unsure or name in self.unsure or sender == name:
                    continue
                if sorted(heard + lost[sender]) != list(range(1, other.broadcasts + 1)):
                    missing = set(range(1, other.broadcasts + 1)) - set(heard) - set(lost[sender])
                    self.fault("broadcast lost silently",
                               f"{sender} at {name}: {len(heard)} delivered, {len(lost[sender])} announced, "
                               f"{other.broadcasts} published, missing {sorted(missing)[:5]}")


def main(words):
    nodes, unsure, logs = {}, set(), []
    words = iter(words)
    for word in words:
        if word == "--unsure":
            unsure.add(next(words))
        elif "=" in word:
            node, _, agent = word.partition("=")
            nodes[node] = agent
        else:
            logs.append(word)
    agents = {log.rpartition("/")[2].removesuffix(".events"): read(log) for log in logs}
    check = Check(agents, nodes, unsure)
    check.targeted()
    check.broadcasts()
    check.count["refused and tried again"] = sum(agent.refusals for agent in agents.values())
    for what, texts in sorted(check.faults.items()):
        print(f"{what}: {len(texts)}, as {'; '.join(texts[:3])}")
    print(", ".join(f"{count} {what}" for what, count in check.count.items()))
    return 1 if check.faults else 0


sys.exit(main(sys.argv[1:]))

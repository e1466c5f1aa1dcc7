#!/usr/bin/env python3
"""group - a work group from Python: one of the agents with a capability gets each message

    PYTHONPATH=/tmp /usr/bin/python3 examples/group.py ipc:///tmp/node/agents.sock boss resize 10

The arguments: a node's session endpoint, the sender's id, a capability, how many messages. The session is the one of
examples/agent.py; what is new is one field of Publish.
"""
import secrets, sys, time
from agent import PUBLISH, BYE, VERSION, Failure, Session, pb, wire


class GroupSession(Session):
    """Every event that it publishes is for one of the group."""
    def __init__(self, endpoint, agent_id, group):
        self.group = group
        super().__init__(endpoint, self, wire.Hello(
            protocol_min=VERSION, protocol_max=VERSION, session_id=secrets.token_bytes(16), receive_window=256,
            agent_id=agent_id, agent_type="python", client=True),
            wire.Subscribe(handle=1, types=[pb.EventType.Value("SYSTEM_ALERT")]))

    def send(self, kind, header, items=()):
        if kind == PUBLISH:
            header.group.CopyFrom(self.group)
        super().send(kind, header, items)

    def on_event(self, event):
        pass


if __name__ == "__main__":
    endpoint, agent_id, capability, count = sys.argv[1:]
    session, outcomes = GroupSession(endpoint, agent_id, wire.Group(capabilities=[capability])), []
    for number in range(int(count)):
        now = time.time_ns() // 1000
        event_id = (now // 1000 << 80 | 7 << 76 | number << 64 | 2 << 62 | secrets.randbits(62)).to_bytes(16, "big")
        session.publish(pb.Event(id=event_id, source=agent_id, timestamp=now, message_sent=pb.Message(
            message_id=event_id.hex(), content_type=pb.TEXT,
            content=pb.Payload(content_type=pb.TEXT, data=b"work %d" % number))), 0, outcomes.append)
    end = time.monotonic() + 20
    while len(outcomes) < int(count) and time.monotonic() < end:
        session.step()
    session.send(BYE, wire.Bye(reason="done"))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    print(f"{len(outcomes) - len(refused)} accepted, {len(refused)} refused", *refused[:1], flush=True)
    sys.exit(len(outcomes) < int(count) or len(refused) > 0)

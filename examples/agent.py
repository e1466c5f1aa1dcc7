#!/usr/bin/env python3
"""agent - an agent in Python: ZeroMQ and protobuf, nothing of Covey's library

    protoc --python_out=/tmp proto/event.proto proto/wire.proto   # once, where the sources are
    PYTHONPATH=/tmp /usr/bin/python3 examples/agent.py ipc:///tmp/node/agents.sock py memory:stored

The arguments: a node's session endpoint, the agent's id, an event type to follow. It needs
python3-zmq, python3-protobuf and protobuf-compiler; docs/protocol.md explains what it says.
"""
import atexit, json, secrets, signal, struct, sys, time
import zmq
from google.protobuf.message import DecodeError
from proto import event_pb2 as pb, wire_pb2 as wire

VERSION, STORED, TIMEOUT, FENCED = 1, 3, -9, -16
HELLO, PUBLISH, SUBSCRIBE, DELIVER_ACK, PING, BYE = 0x01, 0x02, 0x03, 0x05, 0x06, 0x07
FROM_NODE = {0x11: wire.Welcome, 0x12: wire.Refused, 0x13: wire.Receipt, 0x14: wire.Subscribed,
             0x15: wire.Deliver, 0x17: wire.Ended}


class Failure(Exception):
    """Why something was refused: code and text."""


def pack(kind, header, items=()):
    parts = [header.SerializeToString(), *items]
    return bytes((kind, VERSION)) + b"".join(struct.pack("<I", len(part)) + part for part in parts)


def unpack(data):
    """The header and the items of a frame; no header when its kind is not for us."""
    (kind, version), at, parts = struct.unpack_from("BB", data), 2, []
    while at < len(data) or not parts:
        end = at + 4 + struct.unpack_from("<I", data, at)[0]
        if end > len(data) or version != VERSION:
            raise ValueError("cut off, or of another version")
        parts, at = parts + [data[at + 4:end]], end
    return FROM_NODE[kind].FromString(parts[0]) if kind in FROM_NODE else None, parts[1:]


class Session:
    """Hello, heartbeat, numbers, windows and receipts. The rest is the agent's."""
    def __init__(self, endpoint, agent, hello, subscription):
        self.agent, self.hello, self.subscription = agent, hello, subscription
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.immediate = 200, 1
        self.socket.connect(endpoint)
        self.is_open = self.heartbeat = self.heard = self.said = self.window = 0
        self.waiting = {}  # number -> (packed event, level, told: with a Failure, the place stored at, or None)
        self.published = self.sent = self.accepted = self.delivered = self.instance = 0  # the last of each

    def send(self, kind, header, items=()):
        try:
            self.socket.send(pack(kind, header, items), zmq.DONTWAIT)
        except zmq.Again:
            self.is_open = False                # so we open again, and what got lost is sent again

    def publish(self, event, level, told):
        self.published += 1
        self.waiting[self.published] = event.SerializeToString(), level, told
        self.flush()

    def flush(self):
        while self.is_open and self.sent < min(self.published, self.accepted + self.window):
            self.sent += 1
            data, level, _ = self.waiting[self.sent]
            self.send(PUBLISH, wire.Publish(first_seq=self.sent, oldest=self.accepted + 1, level=level, wait_ms=1000), [data])

    def close(self, why):
        self.is_open, self.said = False, time.monotonic()  # Hello follows after a breath
        print(f"closed: {why}", flush=True)

    def step(self):
        if self.socket.poll(50):
            data, self.heard = self.socket.recv(), time.monotonic()
            try:
                header, items = unpack(data)
                if header:
                    getattr(self, "on_" + type(header).__name__.lower())(header, items)
            except (ValueError, struct.error, DecodeError) as error:
                print(f"dropped a frame: {error}", flush=True)
        now = time.monotonic()
        if self.is_open and now - self.heard > 3 * self.heartbeat:
            self.close("the node is silent")
        elif now - self.said > (self.heartbeat if self.is_open else 0.25):
            self.said = now
            self.send(*((PING, wire.Ping(token=1)) if self.is_open else (HELLO, self.hello)))

    def on_welcome(self, welcome, _):
        known = welcome.HasField("publish_seq") and welcome.instance == self.instance
        self.instance = welcome.instance
        if self.is_open and known:
            return                              # the answer to a repeated Hello
        self.is_open, self.heartbeat, self.window = False, welcome.heartbeat_ms / 1000, welcome.publish_window
        self.delivered = self.delivered if known else 0
        self.on_receipt(wire.Receipt(accepted=welcome.publish_seq, refusals=welcome.refusals), ())
        self.is_open, self.sent = True, self.accepted  # what has no verdict goes out again
        self.send(SUBSCRIBE, self.subscription)
        self.flush()
        print(f"open: node {welcome.node_name}", flush=True)

    def on_ended(self, ended, _):
        if ended.code == FENCED or isinstance(ended, wire.Refused) and ended.final:
            raise Failure(ended.code, ended.text)
        if self.is_open:                        # else Hello is repeated anyway
            self.close(ended.text)
    on_refused = on_ended

    def on_receipt(self, receipt, _):
        self.accepted = max(self.accepted, receipt.accepted)
        outcomes = {refusal.seq: Failure(refusal.code, refusal.text) for refusal in receipt.refusals}
        outcomes.update((stored.seq, stored.offset) for stored in receipt.stored)
        for number in [number for number, (_, level, _) in self.waiting.items()
                       if number in outcomes or (number <= self.accepted and not level)]:
            self.waiting.pop(number)[2](outcomes.get(number))
        self.flush()

    def on_subscribed(self, subscribed, _):
        print(f"subscribed: {subscribed.text or 'live'}", flush=True)

    def on_deliver(self, deliver, items):
        if deliver.first_seq > self.delivered + 1:
            return self.close("deliveries were lost on the way")
        for number, item in enumerate(items, deliver.first_seq):
            if number > self.delivered:         # else it came twice
                self.delivered = number
                self.agent.on_event(pb.Event.FromString(item))
        self.send(DELIVER_ACK, wire.DeliverAck(seq=self.delivered))


class Agent:
    """Answers, works, votes. `asked` are its own requests: id -> (work, deadline)."""
    def __init__(self, endpoint, agent_id, follow):
        self.id, self.last_id, self.asked, self.follow = agent_id, 0, {}, follow.replace(":", "_")
        self.session = Session(endpoint, self, wire.Hello(
            protocol_min=VERSION, protocol_max=VERSION, session_id=secrets.token_bytes(16),
            receive_window=256, agent_id=agent_id, agent_type="python"),
            wire.Subscribe(handle=1, types=[pb.EventType.Value(self.follow.upper())]))
        self.publish(STORED, lambda outcome: print(f"stored: {outcome}", flush=True),
                     agent_ready=pb.AgentReady(agent_id=agent_id, available_capacity=100, current_tasks=0))

    def publish(self, level=0, told=lambda outcome: None, **fields):
        now = time.time_ns() // 1000            # ids are UUIDv7, each larger than the one before
        fresh = now // 1000 << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
        self.last_id = max(fresh, self.last_id + 1)
        self.session.publish(pb.Event(id=self.last_id.to_bytes(16, "big"), source=self.id,
                                      timestamp=now, **fields), level, told)

    def go_on(self, work, answer=None):         # up to its next question to the coordinator
        try:
            method, params = work.throw(answer) if isinstance(answer, Failure) else work.send(answer)
        except (StopIteration, Failure) as end:  # what it returned, or why it could not go on
            return print(end, flush=True)
        key = secrets.token_hex(16)
        self.asked[key] = work, time.monotonic() + 10
        self.publish(0, lambda outcome: outcome and self.on_answer(key, outcome), target=["coordinator"],
                     request=pb.Request(request_id=key, method=method, timeout=10000, params=pb.Payload(
                         content_type=pb.JSON, data=json.dumps(params).encode())))

    def on_answer(self, key, answer):
        if key in self.asked:
            self.go_on(self.asked.pop(key)[0], answer)

    def on_event(self, event):
        kind = event.WhichOneof("data")         # None: a type of a newer version
        if kind == "request":
            known = event.request.method == "ping"
            self.publish(target=[event.source], causation_id=event.id, response=pb.Response(
                request_id=event.request.request_id, success=known,
                result=pb.Payload(content_type=pb.JSON, data=b'"pong"') if known else None,
                error=None if known else pb.ErrorInfo(code="NOTFOUND", message="there is only ping")))
        elif kind == "response":
            reply, error = event.response, event.response.error
            self.on_answer(reply.request_id, json.loads(reply.result.data) if reply.success
                           else Failure(error.code, error.message))
        elif kind in ("task_assigned", "swarm_consensus_request", "coordination_request"):
            begin = {"t": self.work, "s": self.vote, "c": self.join}[kind[0]]
            self.go_on(begin(getattr(event, kind)))
        elif kind == self.follow:
            print(f"saw: {kind} from {event.source}", flush=True)

    def work(self, task):
        hold = {"taskId": task.task_id, "fencingToken": task.fencing_token}
        yield "task.accept", hold
        yield "task.start", hold
        view = yield "task.complete", {**hold, "result": {"words": len(task.input.data.split())}}
        return f"task {view.get('state')}"

    def vote(self, question):
        view = yield "swarm.vote", {"consensusId": question.consensus_id, "vote": "approve"}
        return f"vote {view.get('state')}"

    def join(self, request):                    # its steps then come as tasks
        view = yield "mesh.coordination.accept", {"coordinationId": request.coordination_id}
        return f"coordination {view.get('state')}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    agent = Agent(*sys.argv[1:])
    atexit.register(agent.session.send, BYE, wire.Bye(reason="done"))
    while True:
        agent.session.step()
        for late in [key for key, (_, end) in agent.asked.items() if end < time.monotonic()]:
            agent.on_answer(late, Failure(TIMEOUT, "no answer came"))

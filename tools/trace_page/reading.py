"""A trace as `udpcp --trace` wrote it: qlog in JSON-SEQ, read record by record into series a connection.

What is in the file was made by a program that talks to strangers, so nothing in it is believed: numbers are
checked, words are cut, and a record that is damaged is counted and left out."""

import json
from array import array

RECORD_BYTES_MAX = 16 << 20
WORD_MAX = 80


class NotATrace(Exception):
    pass


def records(file):
    """The texts between the record separators (RFC 7464), in pieces of any size."""
    left = b""
    if file.read(1) != b"\x1e":
        raise NotATrace("it does not begin with a record of JSON-SEQ")
    while chunk := file.read(1 << 20):
        pieces = (left + chunk).split(b"\x1e")
        left = pieces.pop()
        yield from pieces
        if len(left) > RECORD_BYTES_MAX:
            raise NotATrace("a record has no end")
    yield left


def refuse(constant):
    raise ValueError(constant)


def number(data, key):
    """A finite number that is not negative, else None."""
    value = data.get(key) if isinstance(data, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value < 1 << 63 else None


def word(value, length=WORD_MAX):
    """A short printable text, whatever it was."""
    text = value if isinstance(value, str) else ""
    text = "".join(c if c.isprintable() else "?" for c in text[: length + 1])
    return text[:length] + ("..." if len(text) > length else "")


def part(data, key):
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def items(data, key):
    value = data.get(key)
    return value if isinstance(value, list) else []


class Series:
    """Values over time, in the order they came; each holds until the next."""

    def __init__(self):
        self.times, self.values = array("d"), array("d")

    def add(self, time, value):
        self.times.append(time)
        self.values.append(value)

    def columns(self, end, count):
        """For each of `count` equal spans up to `end`: (first, least, most, last), None before any value.

        However many events there are, what is drawn is bounded and no peak is lost."""
        found = [None] * count
        scale = count / end if end > 0 else 0
        for time, value in zip(self.times, self.values):
            at = min(int(time * scale), count - 1)
            old = found[at]
            if old is None:
                found[at] = (value, value, value, value)
            else:
                found[at] = (old[0], min(old[1], value), max(old[2], value), value)
        last = None
        for at, column in enumerate(found):
            if column is None and last is not None:
                found[at] = (last, last, last, last)
            elif column is not None:
                last = column[3]
        return found

    def most(self):
        return max(self.values, default=0)


NAMES = ("sent", "acked", "received", "flight", "window", "allowed", "smoothed", "latest", "least", "pacing")


class Connection:
    def __init__(self, group):
        self.group, self.begin, self.end = group, None, 0.0
        self.peer, self.controller, self.closing = "", "", ""
        self.series = {name: Series() for name in NAMES}
        self.lost, self.found, self.probes = array("d"), array("d"), array("d")
        self.states, self.marks = [], []
        self.sizes, self.gone = {}, {}  # of packets in flight, and of those declared lost
        self.total = dict.fromkeys(("sent", "acked", "received", "flight", "packets", "credit"), 0)

    def take(self, time, name, data):
        self.begin = time if self.begin is None else self.begin
        self.end = max(self.end, time - self.begin)  # times that go back are moved to the newest
        take = TAKERS.get(name) if isinstance(name, str) else None
        if take:
            take(self, self.end, data)

    @property
    def receives(self):
        return self.total["received"] > self.total["sent"]

    def key(self, data):
        header = part(data, "header")
        return word(header.get("packet_type"), 20), number(header, "packet_number")

    def set_flight(self, time, value):
        self.total["flight"] = value
        self.series["flight"].add(time, value)
        if self.total["credit"]:
            self.series["allowed"].add(time, value + self.total["credit"])

    def on_started(self, time, data):
        port = number(data, "dst_port")
        host = word(data.get("dst_ip"), 46)
        self.peer = (f"[{host}]" if ":" in host else host) + (f":{int(port)}" if port else "")

    def on_sent(self, time, data):
        size = number(part(data, "raw"), "length") or 0
        self.total["packets"] += 1
        self.total["sent"] += size
        self.series["sent"].add(time, self.total["sent"])
        found = (f.get("frame_type") for f in items(data, "frames") if isinstance(f, dict))
        frames = {kind for kind in found if isinstance(kind, str)}
        if frames - {"ack", "padding", "connection_close"}:
            self.sizes[self.key(data)] = size
            self.set_flight(time, self.total["flight"] + size)

    def on_received(self, time, data):
        self.total["received"] += number(part(data, "raw"), "length") or 0
        self.series["received"].add(time, self.total["received"])

    def on_acked(self, time, data):
        space = data.get("packet_number_space")
        kind = space if space in ("initial", "handshake") else "1RTT"
        acked = flight = 0
        for packet in items(data, "packet_numbers"):
            if not isinstance(packet, int):
                continue
            size = self.sizes.pop((kind, packet), 0)
            flight += size
            acked += size or self.gone.pop((kind, packet), 0)
        self.total["acked"] += acked
        self.series["acked"].add(time, self.total["acked"])
        self.set_flight(time, max(0, self.total["flight"] - flight))

    def on_lost(self, time, data):
        size = self.sizes.pop(self.key(data), 0)
        self.gone[self.key(data)] = size
        self.set_flight(time, max(0, self.total["flight"] - size))
        if data.get("is_mtu_probe_packet") is not True:
            self.lost.append(time)

    def on_found(self, time, data):
        self.found.append(time)

    def on_metrics(self, time, data):
        credit = number(data, "udpcp_credit")
        if credit is not None:
            self.total["credit"] = credit
        for key, name in METRICS.items():
            value = number(data, key)
            if value is not None:
                self.series[name].add(time, value)
        flight = number(data, "bytes_in_flight")
        if flight is not None:
            self.set_flight(time, flight)

    def on_state(self, time, data):
        state = word(data.get("new"), 40)
        controller, why = word(data.get("udpcp_controller"), 20), word(data.get("udpcp_why"))
        if controller and controller != self.controller and why:
            self.marks.append((time, f"{controller} takes over: {why}"))
        self.controller = controller or self.controller
        self.states.append((time, state))

    def on_timer(self, time, data):
        if data.get("event_type") == "expired" and data.get("timer_type") == "pto":
            self.probes.append(time)

    def on_mtu(self, time, data):
        self.marks.append((time, f"datagrams of {number(data, 'new') or 0:.0f} bytes"))

    def on_keys(self, time, data):
        self.marks.append((time, f"new keys: {word(data.get('key_type'), 40)}"))

    def on_path(self, time, data):
        self.marks.append((time, f"{word(data.get('new'), 40)}: {word(data.get('path_remote'), 64)}"))

    def on_closed(self, time, data):
        reason = word(data.get("reason"))
        self.closing = word(data.get("trigger"), 30) + (f": {reason}" if reason else "")
        self.marks.append((time, f"closed ({self.closing})"))


METRICS = {
    "congestion_window": "window",
    "smoothed_rtt": "smoothed",
    "latest_rtt": "latest",
    "min_rtt": "least",
    "pacing_rate": "pacing",
}
TAKERS = {
    "connectivity:connection_started": Connection.on_started,
    "connectivity:connection_closed": Connection.on_closed,
    "connectivity:migration_state_updated": Connection.on_path,
    "connectivity:mtu_updated": Connection.on_mtu,
    "recovery:congestion_state_updated": Connection.on_state,
    "recovery:loss_timer_updated": Connection.on_timer,
    "recovery:metrics_updated": Connection.on_metrics,
    "recovery:packet_lost": Connection.on_lost,
    "security:key_updated": Connection.on_keys,
    "transport:packet_received": Connection.on_received,
    "transport:packet_sent": Connection.on_sent,
    "transport:packets_acked": Connection.on_acked,
    "udpcp:spurious_loss": Connection.on_found,
}


def read_trace(path, complain):
    """The header's trace, and the connections, the largest first."""
    header, connections, damaged, was_damaged = None, {}, 0, False
    with open(path, "rb") as file:
        for text in records(file):
            was_damaged = False
            try:
                record = json.loads(text, parse_constant=refuse)
                if not isinstance(record, dict):
                    raise ValueError
            except (ValueError, RecursionError):
                if header is None and not text.endswith(b"\n"):
                    raise NotATrace("it is cut off before its first record ended") from None
                if header is None:
                    raise NotATrace("its first record is no JSON object") from None
                damaged, was_damaged = damaged + 1, True
                continue
            if header is None:
                if record.get("qlog_format") != "JSON-SEQ" or not isinstance(record.get("trace"), dict):
                    raise NotATrace("its first record is not that of qlog in JSON-SEQ")
                header = record["trace"]
                continue
            time, group, data = number(record, "time"), record.get("group_id"), record.get("data")
            if time is None or not isinstance(data, dict) or not isinstance(group, str):
                damaged += 1
                continue
            group = word(group, 40)
            if group not in connections:
                connections[group] = Connection(group)
            connections[group].take(time / 1000, record.get("name"), data)
    if was_damaged:
        complain(f"{path}: the last record is cut off and left out")
    if damaged > was_damaged:
        complain(f"{path}: {damaged - was_damaged} damaged records are left out")
    if not connections:
        raise NotATrace("no connection is in it")
    order = sorted(connections.values(), key=lambda c: -(c.total["sent"] + c.total["received"]))
    return header, order

# A trace as whoever wishes ill might make it: markup in every word, numbers that are none, records that are
# none. Nothing of it may get out of the page that is drawn from it.
#
#   trace_hostile.py FILE
import json
import sys

evil = '"><script>alert(1)</script>]]>\x00\x1b[31m\ud800\u202e&\'' * 3


def record(text):
    return "\x1e" + text + "\n"


def event(name, data, time=1, group=evil):
    return record(json.dumps({"time": time, "name": name, "group_id": group, "data": data}))


def packet(kind, number, length, frames):
    header = {"packet_type": kind, "packet_number": number}
    return {"header": header, "raw": {"length": length}, "frames": frames}


stream = {"frame_type": "stream"}
trace = {"title": evil, "common_fields": {"reference_time": 1e300}}
events = (
    ("connectivity:connection_started", {"dst_ip": evil, "dst_port": evil}),
    ("transport:packet_sent", {"header": evil, "raw": {"length": 1 << 70}, "frames": [1, None, stream]}),
    ("transport:packet_sent", packet(evil, 1 << 60, 1e308, [stream, {"frame_type": []}])),
    ("transport:packet_sent", packet("1RTT", 3, -5, evil)),
    ("transport:packet_sent", packet("1RTT", 5, 1 << 62, [stream])),
    ("transport:packet_sent", packet("1RTT", 6, 1 << 62, [stream])),
    ("transport:packet_received", packet({}, True, 1 << 62, None)),
    ("transport:packets_acked", {"packet_number_space": [], "packet_numbers": [evil, 1 << 65, True, -1, 3]}),
    ("recovery:packet_lost", packet([], {}, [], [])),
    ("recovery:congestion_state_updated", {"new": evil, "udpcp_controller": evil}),
    ("recovery:congestion_state_updated", {"new": []}),
    ("recovery:metrics_updated", {"congestion_window": 1 << 62, "smoothed_rtt": 1e-300, "pacing_rate": 1e18}),
    ("recovery:metrics_updated", {"latest_rtt": evil, "min_rtt": False, "bytes_in_flight": 1 << 63}),
    ("recovery:loss_timer_updated", {"event_type": "expired", "timer_type": "pto"}),
    ("connectivity:mtu_updated", {"new": evil}),
    ("connectivity:migration_state_updated", {"new": evil, "path_remote": evil}),
    ("connectivity:connection_closed", {"trigger": evil, "reason": evil}),
)
with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write(record(json.dumps({"qlog_version": evil, "qlog_format": "JSON-SEQ", "trace": trace})))
    for name, data in events:
        out.write(event(name, data))
    out.write(event("transport:packet_sent", {}, time=5e8) + event([], {}) + event("x", {}, time=-1))
    out.write(event("x", {}, time=True) + event("x", [], group=3))
    for text in ("NaN", '{"time":NaN}', "[" * 100000, "9" * 5000, "", "null", '"x"'):
        out.write(record(text))

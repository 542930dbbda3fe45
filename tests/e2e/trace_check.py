# What tests/e2e/trace.sh asks of a trace: that it parses record by record, that its times never go back, and
# that its events agree with the counts the connection itself gave at its end.
#
#   trace_check.py client|server FILE    prints what it found, for the script: key=value, one a line
import collections
import json
import sys


def fail(why):
    print(f"{sys.argv[2]}: {why}")
    sys.exit(1)


def expect(name, found, wanted):
    if found != wanted:
        fail(f"{name} is {found}, not {wanted}")


def number_of(event):
    header = event["data"]["header"]
    return header["packet_type"], header["packet_number"]


def check(group, events):
    names = collections.Counter(event["name"] for event in events)
    expect(f"{group}: begins with", events[0]["name"], "connectivity:connection_started")
    expect(f"{group}: ends with", events[-1]["name"], "udpcp:totals")
    totals = events[-1]["data"]
    lost = [e for e in events if e["name"] == "recovery:packet_lost"]
    counted = [e for e in lost if not e["data"].get("is_mtu_probe_packet")]
    expect(f"{group}: packet_sent", names["transport:packet_sent"], totals["packets_sent"])
    expect(f"{group}: packet_received", names["transport:packet_received"], totals["packets_received"])
    expect(f"{group}: packet_lost", len(counted), totals["packets_lost"])
    expect(f"{group}: spurious_loss", names["udpcp:spurious_loss"], totals["packets_spurious"])
    for event in lost:
        if event["data"]["trigger"] not in ("reordering_threshold", "time_threshold", "pto_expired"):
            fail(f"{group}: a loss without a reason: {event}")
    sent = [e for e in events if e["name"] == "transport:packet_sent"]
    expect(f"{group}: bytes sent", sum(e["data"]["raw"]["length"] for e in sent), totals["bytes_sent"])
    numbers = {number_of(event) for event in sent}
    expect(f"{group}: distinct packets", len(numbers), len(sent))
    acked = [
        number
        for e in events
        if e["name"] == "transport:packets_acked" and e["data"]["packet_number_space"] == "application_data"
        for number in e["data"]["packet_numbers"]
    ]
    expect(f"{group}: packets acknowledged once", len(set(acked)), len(acked))
    if not {("1RTT", number) for number in acked} <= numbers:
        fail(f"{group}: acknowledged what was not sent")
    if not {number_of(event) for event in lost} <= numbers:
        fail(f"{group}: lost what was not sent")
    if sys.argv[1] == "client" and len(acked) + len(lost) < 0.9 * len(sent):
        fail(f"{group}: of {len(sent)} packets {len(acked)} were acknowledged and {len(lost)} lost")
    metrics = [e["data"] for e in events if e["name"] == "recovery:metrics_updated"]
    seen = set().union(*metrics)
    wanted = {"smoothed_rtt", "min_rtt", "latest_rtt", "congestion_window", "bytes_in_flight"}
    if not wanted <= seen:
        fail(f"{group}: no {wanted - seen} in the metrics")
    if len(metrics) > names["transport:packet_received"] + names["recovery:loss_timer_updated"]:
        fail(f"{group}: metrics more often than acknowledgements")
    states = [e["data"]["new"] for e in events if e["name"] == "connectivity:connection_state_updated"]
    expect(f"{group}: states", (states[0], states[-1]), ("attempted", "closed"))
    return len(counted)


def main():
    role, path = sys.argv[1:]
    with open(path, "rb") as file:
        content = file.read()
    expect("first byte", content[:1], b"\x1e")
    texts = content.split(b"\x1e")[1:]
    if not all(text.endswith(b"\n") for text in texts):
        fail("a record without a newline")
    header, *events = [json.loads(text) for text in texts]
    expect("qlog_version", header["qlog_version"], "0.3")
    expect("qlog_format", header["qlog_format"], "JSON-SEQ")
    expect("vantage point", header["trace"]["vantage_point"]["type"], role)
    expect("time_format", header["trace"]["common_fields"]["time_format"], "relative")
    if not header["trace"]["common_fields"]["reference_time"] > 1e12:
        fail("no reference_time")
    groups, last = {}, 0
    for event in events:
        if event["time"] < last:
            fail(f"time goes back: {event}")
        last = event["time"]
        groups.setdefault(event["group_id"], []).append(event)
    lost = sum(check(group, members) for group, members in groups.items())
    print(f"groups={','.join(sorted(groups))}\nlost={lost}\nevents={len(events)}")


main()

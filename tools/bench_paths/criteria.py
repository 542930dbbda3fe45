"""What is judged, by which bounds, and how each figure comes about. See the table LINKS first.

A part that cannot be measured becomes a missed verdict with the reason; the others go on.
"""
import collections
import os

from bench_shared.machine import median, progress
from bench_shared.report import Found

from . import lab

MB, GB = 10**6, 10**9
PAYLOAD = 1472 / 1500  # of what a full IP packet holds: a UDP datagram's
TCP_S = 12
FAIR_S = 60
BAR_NAMES = ["udpcp", "TCP BBR", "TCP CUBIC"]
SMALL_SENDS = 15
SMALL_BYTES = 1024
SMALL_LIMIT_S = 20
CLEAN_AGAIN = 0.001
QUEUE_BOUND_S = 0.1
CPU_RATIO = 1.5
JAIN = 0.95

# again: the share that may be sent again, 1.3 p + 0.5% with p lost on purpose
Link = collections.namedtuple("Link", "title netlab bits_per_s size_bytes share again")


def lossy(p):
    return 1.3 * p + 0.005


LINKS = {
    "lan": Link("1 Gbit/s, 0.2 ms, 500 KB queue", "--rate 1Gbit --delay 0.1ms --queue 500KB",
                GB, GB, 0.97, CLEAN_AGAIN),
    "gbit-loss0.1": Link("1 Gbit/s, 10 ms, 0.1% loss", "--rate 1Gbit --delay 5ms --loss 0.1%",
                         GB, GB, 0.95, lossy(0.001)),
    "clean": Link("200 Mbit/s, 100 ms, no loss", "--rate 200Mbit --delay 50ms",
                  200 * MB, 250 * MB, 0.90, CLEAN_AGAIN),
    "loss1": Link("200 Mbit/s, 100 ms, 1% loss", "--rate 200Mbit --delay 50ms --loss 1%",
                  200 * MB, 250 * MB, 0.88, lossy(0.01)),
    "loss5": Link("200 Mbit/s, 100 ms, 5% loss", "--rate 200Mbit --delay 50ms --loss 5%",
                  200 * MB, 250 * MB, 0.80, lossy(0.05)),
    "bursts": Link("200 Mbit/s, 300 ms, 0.5% in bursts",
                   "--rate 200Mbit --delay 150ms --burst-loss 0.5%:4",
                   200 * MB, 250 * MB, 0.80, lossy(0.005)),
    "reorder": Link("100 Mbit/s, 40 ms, 2% reordered, 5 ms jitter",
                    "--rate 100Mbit --delay 20ms --reorder 2% --jitter 5ms",
                    100 * MB, 250 * MB, 0.93, lossy(0)),
    "bloat": Link("50 Mbit/s, 30 ms, 1 s queue", "--rate 50Mbit --delay 15ms --queue 6250KB",
                  50 * MB, 250 * MB, 0.93, CLEAN_AGAIN),
}
FAIR_LINK = "--rate 100Mbit --delay 10ms --queue 250KB".split()
FAIR_BITS_PER_S = 100 * MB
FAIR_FILE_BYTES = GB  # more than any one can move in the time
SMALL_LINK = "--rate 200Mbit --delay 50ms".split()
SMALL_RTT_S = 0.1

Part = collections.namedtuple("Part", "title measure")


def parts():
    table = {name: Part(link.title, None) for name, link in LINKS.items()}
    for cc in ("cubic", "auto", "bbr"):
        table["fair-" + cc] = Part("a minute of --cc %s beside TCP CUBIC" % cc, beside_tcp)
    for cc in ("cubic", "auto", "bbr"):
        table["pair-" + cc] = Part("a minute of two --cc %s beside each other" % cc, pair)
    table["small"] = Part("a file of 1 KB over 100 ms and over loopback", small)
    table["cpu"] = Part("the sender's CPU per GB at 200 Mbit/s and at a LAN's full speed", cpu)
    return table


def size_of(link, scale):
    return max(int(link.size_bytes * scale), 4 * MB)


def room_bytes(options):
    """A source of each size, and what arrives: twice where two flows run."""
    return int(max(GB * options.scale, 4 * MB) * 3.3) + 50 * MB


def can_bbr():
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as names:
        return "bbr" in names.read().split()


# ---- whole sends, and TCP over the very same link ----

def send_once(where, link, bits_per_s, source, *more):
    """One whole command over netlab with these options, or over "veth"; what arrived is compared."""
    folder = where.inbox()
    limit_s = 20 + 4 * os.path.getsize(source) * 8 / bits_per_s
    seen = where.measure(link, [where.receiver(folder)], [where.sender(source, *more)], limit_s)
    where.compare(source, os.path.join(folder, os.path.basename(source)))
    where.inbox()
    return seen


# A link in one repetition.
Setting = collections.namedtuple("Setting", "options bits_per_s payload_bytes_per_s")


def setting(link, seed):
    options = link.netlab.split() + ["--seed", str(seed)]
    return Setting(options, link.bits_per_s, link.bits_per_s * PAYLOAD / 8)


class Rounds:
    """What the repetitions over one link gave."""

    def __init__(self):
        self.shares = collections.defaultdict(list)
        self.queues_s = collections.defaultdict(list)
        self.again, self.cpu_s_per_gb, self.errors = [], [], {}


def one_competitor(where, options, name, at, who, rounds):
    link = LINKS[name]
    size = size_of(link, options.scale)
    if who.startswith("udpcp"):
        source = where.make_file("%d-bytes" % size, size)
        cc = who.partition(" ")[2] or "auto"
        seen = send_once(where, at.options, at.bits_per_s, source, "--cc", cc)
        share = size / seen.results[0]["seconds"] / at.payload_bytes_per_s
        if who == "udpcp":
            rounds.again.append(lab.share_sent_again(seen))
            rounds.cpu_s_per_gb.append(seen.results[0]["cpu_s"] / size * GB)
    else:
        seconds = max(2, round(min(TCP_S, link.size_bytes / at.payload_bytes_per_s) * options.scale))
        client = where.tcp_client(who.partition(" ")[2].lower(), seconds)
        seen = where.measure(at.options, [where.tcp_server()], [client], seconds + 40)
        share = lab.iperf_bytes_per_s(seen) / at.payload_bytes_per_s
    rounds.shares[who].append(share)
    rounds.queues_s[who].append(seen.stats.get("queue_mean_us", 0) / 1e6)
    return share


def competitors(name, options, has_bbr):
    who = ["udpcp"] + (["udpcp bbr"] if name == "bloat" else [])
    if not options.no_tcp:
        who += (["TCP BBR"] if has_bbr else []) + ["TCP CUBIC"]
    return who


def run_links(where, options, names, found):
    all_rounds = {name: Rounds() for name in names}
    has_bbr = can_bbr()
    if names and not has_bbr and not options.no_tcp:
        found.notes.append("this kernel has no TCP BBR (modprobe tcp_bbr): not compared")
    for seed in range(1, options.runs + 1):
        for name in names:
            for who in competitors(name, options, has_bbr):
                rounds = all_rounds[name]
                if who in rounds.errors:
                    continue
                try:
                    share = one_competitor(where, options, name, setting(LINKS[name], seed), who, rounds)
                    progress("run %d of %d, %s, %s: %.3f" % (seed, options.runs, name, who, share))
                except lab.Failed as error:
                    rounds.errors[who] = str(error)
                    progress("run %d of %d, %s, %s: failed" % (seed, options.runs, name, who))
    return all_rounds


def cell(values):
    return "%.3f" % median(values) if values else "-"


def spread(values):
    return "%.3f-%.3f" % (min(values), max(values)) if values else "-"


def milliseconds(values):
    return "%.1f" % (median(values) * 1000) if values else "-"


def judge_links(names, all_rounds, found):
    table = ["%-46s %6s %-7s %-12s %8s %10s %6s  %s" % (
        "link", "least", "udpcp", "from-to", "TCP BBR", "TCP CUBIC", "again",
        "queue ms: udpcp, BBR, CUBIC")]
    for name in names:
        link, rounds = LINKS[name], all_rounds[name]
        ours, errors = rounds.shares["udpcp"], rounds.errors
        table.append("%-46s %6.2f %-7s %-12s %8s %10s %6s  %s" % (
            link.title, link.share, cell(ours), spread(ours), cell(rounds.shares["TCP BBR"]),
            cell(rounds.shares["TCP CUBIC"]),
            "%.2f%%" % (100 * median(rounds.again)) if rounds.again else "-",
            ", ".join(milliseconds(rounds.queues_s[who]) for who in BAR_NAMES)))
        found.bars.append((link.title, link.share, [median(rounds.shares[who]) for who in BAR_NAMES]))
        if "udpcp" in errors:
            found.fail(link.title, errors["udpcp"])
        else:
            found.judge(link.title, "share %s" % cell(ours), "at least %.2f" % link.share,
                        median(ours) >= link.share)
            found.judge(link.title, "%.3f%% sent again" % (100 * median(rounds.again)),
                        "under %.2f%%" % (100 * link.again), median(rounds.again) < link.again)
        for who in ("TCP BBR", "TCP CUBIC"):
            if who in errors:
                found.notes.append("%s over %s: %s" % (who, link.title, errors[who]))
    found.tables.append(table)


def judge_queue(rounds, found):
    """The queue of one second, kept short by choice."""
    title = LINKS["bloat"].title
    if "udpcp bbr" in rounds.errors:
        found.fail(title + ", --cc bbr", rounds.errors["udpcp bbr"])
        return
    queue_s, share = median(rounds.queues_s["udpcp bbr"]), median(rounds.shares["udpcp bbr"])
    found.judge(title + ", --cc bbr", "queue %.1f ms" % (queue_s * 1000), "mean under 100 ms",
                queue_s < QUEUE_BOUND_S)
    found.judge(title + ", --cc bbr", "share %.3f" % share, "at least %.2f" % LINKS["bloat"].share,
                share >= LINKS["bloat"].share)


# ---- fairness ----

def fair_s(options):
    return max(5, round(FAIR_S * options.scale))


def fair_run(where, options, servers, clients, seed):
    """The payload that got through to each port at the far end of the link, in the order of the clients."""
    stop_s = fair_s(options)
    seen = where.measure(FAIR_LINK + ["--seed", str(seed)], servers, clients, stop_s + 40, stop_s)
    got = collections.defaultdict(float)
    for flow in seen.flows:
        got[flow["to_port"]] += flow.get("payload_bytes", 0)
    capacity = FAIR_BITS_PER_S * PAYLOAD / 8 * stop_s
    where.inbox("left")
    where.inbox("right")
    return [got[port] / capacity for _, _, port in servers]


def fair_source(where, options):
    size = max(int(FAIR_FILE_BYTES * options.scale), 100 * MB)
    return where.make_file("%d-bytes" % size, size)


def beside_tcp(where, options, name, found):
    cc = name.partition("-")[2]
    source, ours, tcp = fair_source(where, options), [], []
    for seed in range(1, options.fair_runs + 1):
        servers = [where.receiver(where.inbox("left")), where.tcp_server()]
        clients = [where.sender(source, "--cc", cc), where.tcp_client("cubic", fair_s(options))]
        shares = fair_run(where, options, servers, clients, seed)
        ours.append(shares[0])
        tcp.append(shares[1])
        progress("run %d of %d, %s: udpcp %.3f, TCP CUBIC %.3f" % (seed, options.fair_runs, name, *shares))
    part = median([t / (t + u) if t + u else 0 for t, u in zip(tcp, ours)])
    figure = "udpcp %.0f%%, TCP %.0f%%" % (100 * (1 - part), 100 * part)
    found.notes.append("%s: of the link, udpcp %.3f, TCP %.3f" % (name, median(ours), median(tcp)))
    what = "--cc %s beside TCP CUBIC, %d s" % (cc, fair_s(options))
    if cc == "cubic":
        found.judge(what, figure, "either 35 to 65%", 0.35 <= part <= 0.65)
    else:
        found.judge(what, figure, "TCP keeps 25%", part >= 0.25)


def pair(where, options, name, found):
    cc = name.partition("-")[2]
    source, indexes, sums = fair_source(where, options), [], []
    for seed in range(1, options.fair_runs + 1):
        servers = [where.receiver(where.inbox("left"), lab.PORT),
                   where.receiver(where.inbox("right"), lab.PORT + 1)]
        clients = [where.sender(source, "--cc", cc, port=port) for port in (lab.PORT, lab.PORT + 1)]
        x, y = fair_run(where, options, servers, clients, seed)
        indexes.append((x + y) ** 2 / (2 * (x * x + y * y)) if x + y else 0)
        sums.append(x + y)
        progress("run %d of %d, %s: %.3f and %.3f of the link" % (seed, options.fair_runs, name, x, y))
    found.judge("two --cc %s beside each other, %d s" % (cc, fair_s(options)), "Jain %.3f" % median(indexes),
                "at least %.2f" % JAIN, median(indexes) >= JAIN)
    found.notes.append("%s: together %.3f of the link" % (name, median(sums)))


# ---- a small file ----

def small(where, options, name, found):
    del options, name
    sources = [where.make_file("small%d" % i, SMALL_BYTES) for i in range(SMALL_SENDS)]
    for title, link, rtt_s, host in (("100 ms", SMALL_LINK, SMALL_RTT_S, lab.RECEIVER),
                                     ("loopback", "loopback", 0, "127.0.0.1")):
        what, bound_s = "a file of 1 KB over %s" % title, 3 * rtt_s + 0.02
        try:
            folder = where.inbox()
            seen = where.measure(link, [where.receiver(folder)],
                                 [where.sender(source, host=host) for source in sources], SMALL_LIMIT_S)
            for source in sources:
                where.compare(source, os.path.join(folder, os.path.basename(source)))
        except lab.Failed as error:
            found.fail(what, error)
            continue
        times = [result["seconds"] for result in seen.results]
        progress("%s: %.1f ms, median of %d" % (what, median(times) * 1000, len(times)))
        figures = tuple(1000 * t for t in (median(times), min(times), max(times)))
        found.judge(what, "%.1f ms (%.1f-%.1f)" % figures, "under %.0f ms" % (bound_s * 1000),
                    median(times) < bound_s)


# ---- the sender's CPU ----

def cpu_over_veth(where, options, size_full, rate, *more):
    """CPU seconds per GB of one whole command."""
    size = max(int(size_full * options.scale), 4 * MB)
    source = where.make_file("%d-bytes" % size, size)
    return send_once(where, "veth", rate, source, *more).results[0]["cpu_s"] / size * GB


def cpu_over_link(where, options, link, known):
    """CPU seconds per GB, a figure a repetition; `known`: those there are already."""
    costs = list(known or [])
    for seed in range(len(costs) + 1, options.runs + 1):
        rounds = Rounds()
        one_competitor(where, options, link, setting(LINKS[link], seed), "udpcp", rounds)
        costs += rounds.cpu_s_per_gb
        progress("run %d of %d, cpu, %s: %.2f s per GB" % (seed, options.runs, link, costs[-1]))
    return costs


def cpu(where, options, name, found, slow=None, fast=None):
    """slow, fast: CPU seconds per GB over the clean long link and over the LAN, when measured already. Both
    links are netlab's: its devices have no offloads, so the sender pays for the cutting into packets too, as with
    a plain network card. Over veth that costs it nothing and all else less, so that each sleep of a processor
    weighs more; what --bwlimit costs there is told beside."""
    del name
    slow = cpu_over_link(where, options, "clean", slow)
    fast = cpu_over_link(where, options, "lan", fast)
    even, full = [], []
    for seed in range(1, options.runs + 1):
        full.append(cpu_over_veth(where, options, GB, GB))
        even.append(cpu_over_veth(where, options, size_of(LINKS["clean"], 1), 200 * MB, "--bwlimit", "200Mbit"))
        progress("run %d of %d, cpu, veth: %.2f s per GB, %.2f s with --bwlimit 200Mbit" % (
            seed, options.runs, full[-1], even[-1]))
    found.notes.append("sender's CPU per GB over veth: %.2f s with --bwlimit 200Mbit, %.2f s without, ratio %.2f" % (
        median(even), median(full), median(even) / median(full)))
    ratio = median(slow) / median(fast)
    found.judge("sender's CPU per GB, 200 Mbit/s to LAN", "ratio %.2f (%.2f s, %.2f s)" % (
        ratio, median(slow), median(fast)), "at most %.1f" % CPU_RATIO, ratio <= CPU_RATIO)


def measure(where, options, table):
    found = Found()
    names = [name for name in LINKS if name in options.only]
    all_rounds = run_links(where, options, names, found)
    if names:
        judge_links(names, all_rounds, found)
    if "bloat" in names:
        judge_queue(all_rounds["bloat"], found)
    for name, part in table.items():
        if name not in options.only or part.measure is None:
            continue
        more = {}
        if name == "cpu":
            more = {key: all_rounds[link].cpu_s_per_gb for key, link in (("slow", "clean"), ("fast", "lan"))
                    if link in names}
        try:
            part.measure(where, options, name, found, **more)
        except lab.Failed as error:
            found.fail(part.title, error)
            progress("%s: failed" % name)
    return found

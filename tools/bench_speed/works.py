"""What is moved by whom, and by which bounds it is judged. See parts() first.

In each work the competitors take turns, round after round, on the same files; a bound is a ratio of medians.
A part that cannot be measured becomes a missed verdict with the reason; the others go on.
"""
import collections
import os
import re

from bench_shared.machine import Failed, median, progress
from bench_shared.report import Found

from . import crowd, growth, lab, peers
from .lab import GIB, MB

FILES, FILE_BYTES_MIN, FILE_BYTES_MAX, FILE_SKEW = 20000, 100, 16000, 1.565  # 126 MB in all
SMALL_BYTES, SMALL_TIMES = 1024, 3  # times the runs: 15
PEAK_BYTES_MAX = 128 * MB
THREADS_BOUND = 1.05
LIMIT_S = 300
UFTP_PART = 8  # uftp gets an eighth of the work, and its time is told as if for the whole

# at most `bound` of the seconds of `other`
Bound = collections.namedtuple("Bound", "who other bound")
Part = collections.namedtuple("Part", "title measure is_long")
Row = collections.namedtuple("Row", "seconds sender_cpu receiver_cpu sender_peak receiver_peak")

CPU_BOUNDS = (Bound("udpcp checksum", "rsync", 0.90), Bound("udpcp", "rsync", 1.30))
BIG_BOUNDS = (Bound("udpcp checksum", "rsync", 0.85), Bound("udpcp checksum", "tar over TCP", 1.00),
              Bound("udpcp", "rsync", 1.20), Bound("udpcp", "scp aes128-gcm", 0.45),
              Bound("udpcp", "uftp", 0.20))
RATES_LEAST = {"udpcp checksum": 0.60, "udpcp": 0.30}  # of iperf3's, memory to memory


def parts():
    return {
        "big": Part("2 GiB, memory to memory file systems", big, False),
        "disk": Part("2 GiB, ext4 to ext4, durable", disk, False),
        "files": Part("20,000 files of 0.1 to 16 KB", files, False),
        "small": Part("one file of 1 KB, the whole command", small, False),
        "memory": Part("no files: a generated source, a sink that discards", memory, False),
        "crowd": Part("100 senders at once, 20 MB each", crowd.measure, False),
        "plain": Part("no GSO, no GRO, no offloads", plain, False),
        "threads": Part("packets sealed and opened on two threads", threads, False),
        "growth": Part("16 GiB, 200,000 files, a million empty files", growth.measure, True),
    }


def big_bytes(options):
    return max(int(2 * GIB * options.scale), 8 << 20)


def log_size(seeded):
    return FILE_BYTES_MIN + int((FILE_BYTES_MAX - FILE_BYTES_MIN) * seeded.random() ** FILE_SKEW)


# ---- rounds ----

class Rounds:
    """What each competitor took, in every round."""

    def __init__(self):
        self.taken, self.errors, self.scale = collections.defaultdict(list), {}, {}

    def why(self, *names):
        """Why one of them has no figure."""
        return next((self.errors[name] for name in names if name in self.errors), "it was not measured")

    def names(self):
        return [name for name in self.taken if name not in self.errors]

    def row(self, name):
        """Medians; the peaks are the highest of all rounds."""
        if name in self.errors or not self.taken[name]:
            return None
        taken, times = self.taken[name], self.scale.get(name, 1)
        receivers = [t.receiver for t in taken if t.receiver]
        return Row(median([t.seconds for t in taken]) * times,
                   median([t.sender.cpu_s for t in taken]) * times,
                   median([r.cpu_s for r in receivers]) * times if receivers else None,
                   max(t.sender.peak_bytes for t in taken),
                   max(r.peak_bytes for r in receivers) if receivers else None)


def compete(where, title, make_peers, parent, runs, check, seconds_of=None):
    """make_peers(inbox): the competitors, for a new folder to receive into. check(name, inbox) raises Failed.
    seconds_of: name -> what a competitor's own report says instead of the clock."""
    rounds = Rounds()
    for turn in range(1, runs + 1):
        count = len(make_peers(""))
        for place in range(count):
            inbox = where.inbox(parent)
            peer = make_peers(inbox)[(place + turn - 1) % count]  # nobody always follows the same one
            if peer.name in rounds.errors:
                continue
            try:
                taken = where.transfer(peer, LIMIT_S)
                if turn == 1 or peer.name.startswith("udpcp"):
                    check(peer.name, inbox)
                if peer.name in (seconds_of or {}):
                    taken = taken._replace(seconds=seconds_of[peer.name](taken.said))
                rounds.taken[peer.name].append(taken)
                progress("%s, round %d of %d, %s: %.3f s" % (title, turn, runs, peer.name, taken.seconds))
            except Failed as error:
                rounds.errors[peer.name] = str(error)
                progress("%s, round %d of %d, %s: failed: %s" % (title, turn, runs, peer.name, error))
    where.inbox(parent)
    return rounds


def megabytes(size_bytes):
    return "%.0f" % (size_bytes / MB) if size_bytes is not None else "-"


def table_of(title, rounds, reference):
    base = rounds.row(reference)
    table = [title, "  %-22s %8s %15s %7s %11s %11s %9s %9s" % (
        "", "seconds", "from-to", "ratio", "sender CPU", "recv. CPU", "sender MB", "recv. MB")]
    for name in rounds.taken:
        row = rounds.row(name)
        if not row:
            continue
        times = [t.seconds * rounds.scale.get(name, 1) for t in rounds.taken[name]]
        table.append("  %-22s %8.3f %15s %7s %11.3f %11s %9s %9s" % (
            name, row.seconds, "%.3f-%.3f" % (min(times), max(times)),
            "%.2f" % (row.seconds / base.seconds) if base else "-", row.sender_cpu,
            "%.3f" % row.receiver_cpu if row.receiver_cpu is not None else "-",
            megabytes(row.sender_peak), megabytes(row.receiver_peak)))
    return table


def judge_ratio(found, what, ours, theirs, bound):
    found.judge(what, "ratio %.2f" % (ours / theirs), "at most %.2f" % bound, ours <= bound * theirs)


def judge(found, title, rounds, bounds, reference, marks=None):
    """Table, bars and the verdicts about time; marks: name -> ratio to the reference, where others judge."""
    found.tables.append(table_of(title, rounds, reference))
    judged = [name for b in bounds for name in (b.who, b.other)]
    found.notes += ["%s, %s: %s" % (title, name, why) for name, why in rounds.errors.items()
                    if name not in judged]
    base = rounds.row(reference)
    marks = marks or {b.who: b.bound for b in bounds if b.other == reference}
    if base:
        found.bars.append((title, reference, [(name, rounds.row(name).seconds, rounds.row(name).seconds
                                               / base.seconds, marks.get(name)) for name in rounds.names()]))
    for bound in bounds:
        what = "%s / %s" % (bound.who, bound.other)
        ours, theirs = rounds.row(bound.who), rounds.row(bound.other)
        if not ours or not theirs:
            found.fail("%s, %s" % (title, what), rounds.why(bound.who, bound.other))
        else:
            judge_ratio(found, "%s, %s" % (title, what), ours.seconds, theirs.seconds, bound.bound)


def judge_peak(found, title, row):
    if row:
        peak = max(row.sender_peak, row.receiver_peak)
        found.judge("%s, peak memory of either end" % title, "%.0f MB" % (peak / MB),
                    "under %d MB" % (PEAK_BYTES_MAX // MB), peak < PEAK_BYTES_MAX)


def same_file(source):
    def check(name, inbox):
        if name not in ("iperf3 TCP", "uftp"):
            lab.compare(source, os.path.join(inbox, os.path.basename(source)))
    return check


# ---- the works ----

def uftp_seconds(said):
    found = re.search(r"time:\s*([0-9.]+) seconds", said)
    if not found or "Completed" not in said:
        raise Failed("uftp did not say that it completed: %s" % said[-300:])
    return float(found.group(1))


def big(where, options, found):
    size = big_bytes(options)
    where.need_memory(2 * size + size // UFTP_PART + lab.WARM_MORE_BYTES)
    source = where.make_file(where.memory("big"), size)
    part = where.make_file(where.memory("part"), size // UFTP_PART)
    where.keep_warm(size)

    def competitors(inbox):
        return [peers.udpcp("udpcp checksum", source, inbox, "--protect", "checksum"),
                peers.rsync(where, "rsync", source, inbox),
                peers.udpcp("udpcp", source, inbox),
                peers.tar("tar over TCP", source, inbox),
                peers.scp(where, "scp aes128-gcm", source, inbox),
                peers.uftp("uftp", part, inbox),
                peers.cp("cp", source, inbox),
                peers.iperf3("iperf3 TCP", size)]

    own_words = {"iperf3 TCP": lambda said: size / lab.iperf_bytes_per_s(said), "uftp": uftp_seconds}
    title = "2 GiB tmpfs to tmpfs"
    rounds = compete(where, title, competitors, where.memory(), options.runs, same_file(source), own_words)
    rounds.scale["uftp"] = UFTP_PART
    judge(found, title, rounds, BIG_BOUNDS, "rsync")
    base = rounds.row("rsync")
    for bound in CPU_BOUNDS:
        ours = rounds.row(bound.who)
        if not base or not ours:
            found.fail("CPU of both ends a GiB, %s" % bound.who, rounds.why(bound.who, bound.other))
            continue
        judge_ratio(found, "CPU of both ends a GiB, %s / rsync" % bound.who,
                    ours.sender_cpu + ours.receiver_cpu, base.sender_cpu + base.receiver_cpu, bound.bound)
        found.notes.append("CPU seconds of both ends a GiB: %s %.2f, rsync %.2f" % (
            bound.who, *((r.sender_cpu + r.receiver_cpu) * GIB / size for r in (ours, base))))
        judge_peak(found, "%s, %s" % (title, bound.who), ours)


def disk(where, options, found):
    size = big_bytes(options)
    source = where.make_file(os.path.join(where.disk, "big"), size)

    def competitors(inbox):
        os.sync()  # what others left to be written is not this one's work
        return [peers.udpcp("udpcp", source, inbox),
                peers.rsync(where, "rsync --fsync", source, inbox, "--fsync"),
                peers.cp("cp, not synced", source, inbox)]

    where.transfer(peers.cp("cp", source, where.inbox(where.disk)), LIMIT_S)
    title = "2 GiB ext4 to ext4, durable"
    rounds = compete(where, title, competitors, where.disk, options.runs, same_file(source))
    judge(found, title, rounds, [Bound("udpcp", "rsync --fsync", 1.00)], "rsync --fsync")
    judge_peak(found, title, rounds.row("udpcp"))


def files(where, options, found):
    count = max(int(FILES * options.scale), 200)
    where.need_memory(count * 30000)
    tree = where.make_tree(where.memory("tree"), count, log_size)
    where.keep_warm(count * 10000)

    def competitors(inbox):
        return [peers.udpcp("udpcp", tree + "/", inbox),
                peers.rsync(where, "rsync", tree + "/", inbox),
                peers.udpcp("udpcp checksum", tree + "/", inbox, "--protect", "checksum"),
                peers.Peer("cp", None, ["cp", "-a", tree + "/.", inbox], None, None, False, None)]

    title = "20,000 files, 126 MB"
    rounds = compete(where, title, competitors, where.memory(), options.runs,
                     lambda name, inbox: lab.compare(tree, inbox))
    judge(found, title, rounds, [Bound("udpcp", "rsync", 0.70)], "rsync")
    judge_peak(found, title, rounds.row("udpcp"))


def small(where, options, found):
    source = where.make_file(where.memory("1KB"), SMALL_BYTES)

    def competitors(inbox):
        return [peers.udpcp("udpcp", source, inbox), peers.rsync(where, "rsync", source, inbox),
                peers.udpcp("udpcp checksum", source, inbox, "--protect", "checksum"),
                peers.scp(where, "scp aes128-gcm", source, inbox)]

    inbox = where.inbox(where.memory())
    where.transfer(competitors(inbox)[0], LIMIT_S)  # who meets for the first time makes keys and notes them
    title = "one file of 1 KB, whole command"
    rounds = compete(where, title, competitors, where.memory(), SMALL_TIMES * options.runs, same_file(source))
    judge(found, title, rounds, [Bound("udpcp", "rsync", 0.40)], "rsync")


def memory(where, options, found):
    """Rates, by the clock around the whole command of udpcp, and by iperf3's own report."""
    size = 2 * big_bytes(options)
    told = {"BENCH_BYTES": str(size)}

    def competitors(inbox):
        return [peers.udpcp("udpcp checksum", "/dev/null", inbox, "--protect", "checksum",
                            program="bench_memory", environment=told),
                peers.iperf3("iperf3 TCP", size),
                peers.udpcp("udpcp", "/dev/null", inbox, program="bench_memory", environment=told)]

    title = "4 GiB from memory to memory"
    rounds = compete(where, title, competitors, where.memory(), options.runs, lambda name, inbox: None,
                     {"iperf3 TCP": lambda said: size / lab.iperf_bytes_per_s(said)})
    judge(found, title, rounds, [], "iperf3 TCP", {name: 1 / least for name, least in RATES_LEAST.items()})
    for name, least in RATES_LEAST.items():
        ours, theirs = rounds.row(name), rounds.row("iperf3 TCP")
        if not ours or not theirs:
            found.fail("memory to memory, %s" % name, rounds.why(name, "iperf3 TCP"))
            continue
        rates = tuple(size * 8 / row.seconds / 1e9 for row in (ours, theirs))
        found.notes.append("memory to memory: %s %.1f Gbit/s, iperf3 TCP %.1f" % (name, *rates))
        found.judge("memory to memory, rate of %s / iperf3 TCP" % name, "ratio %.2f" % (rates[0] / rates[1]),
                    "at least %.2f" % least, rates[0] >= least * rates[1])


def plain(where, options, found):
    size = max(big_bytes(options) // 4, 8 << 20)
    where.need_memory(2 * size)
    source = where.make_file(where.memory("plain"), size)
    where.keep_warm(size)

    def competitors(inbox):
        return [peers.udpcp("udpcp checksum", source, inbox, "--protect", "checksum",
                            program="bench_no_offload"),
                peers.nc("nc", source, inbox),
                peers.udpcp("udpcp", source, inbox, program="bench_no_offload")]

    title = "512 MiB, no offloads"
    where.offloads("off")
    try:
        rounds = compete(where, title, competitors, where.memory(), options.runs, same_file(source))
    finally:
        where.offloads("on")
    judge(found, title, rounds, [], "nc", {"udpcp": 1.0, "udpcp checksum": 1.0})
    for name in ("udpcp checksum", "udpcp"):
        ours, theirs = rounds.row(name), rounds.row("nc")
        if not ours or not theirs:
            found.fail("no offloads, %s" % name, rounds.why(name, "nc"))
            continue
        ratio = theirs.seconds / ours.seconds
        found.judge("no offloads, rate of %s / nc" % name, "ratio %.2f" % ratio, "at least 1.00", ratio >= 1)


def threads(where, options, found):
    """Asked for two threads where there are no processors for them: it must not cost much to find that out."""
    size = big_bytes(options) // 2
    where.need_memory(2 * size)
    source = where.make_file(where.memory("threads"), size)
    where.keep_warm(size)

    def competitors(inbox):
        return [peers.udpcp("udpcp, 1 thread", source, inbox, "--threads", "1"),
                peers.udpcp("udpcp, 2 threads", source, inbox, "--threads", "2")]

    title = "1 GiB, sealed and opened on two threads"
    rounds = compete(where, title, competitors, where.memory(), options.runs, same_file(source))
    judge(found, title, rounds, [Bound("udpcp, 2 threads", "udpcp, 1 thread", THREADS_BOUND)],
          "udpcp, 1 thread")


# ---- all of it ----

def measure(where, options):
    found = Found()
    for name, part in parts().items():
        if name not in options.only:
            continue
        progress(part.title)
        try:
            part.measure(where, options, found)
        except Failed as error:
            found.fail(part.title, error)
            progress("%s: failed: %s" % (name, error))
        where.clear()
    return found

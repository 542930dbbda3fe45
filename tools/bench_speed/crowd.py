"""Many senders at once to one receiver: do all get through, how fast together, how evenly, in how much memory.
One sender that moves the same files alone says what they could do at most."""
import os

from bench_shared.machine import Failed, median, progress

from . import lab, peers
from .lab import MB

SENDERS, BYTES = 100, 20 * MB
TOTAL_LEAST, JAIN_LEAST, PEAK_BYTES_MAX = 0.80, 0.90, 400 * MB
LIMIT_S = 300


def jain(values):
    return sum(values) ** 2 / (len(values) * sum(v * v for v in values))


def all_at_once(where, sources, inbox):
    """(seconds from the first start to the last end, each one's bytes a second, the receiver's usage)"""
    peer = peers.udpcp("udpcp", sources[0], inbox)
    server = where.serve(peer)
    try:
        clients = [lab.Command(where, "sender", peers.udpcp("udpcp", source, inbox).client)
                   for source in sources]
        used = [client.wait(LIMIT_S) for client in clients]
        failed = [(u, c) for u, c in zip(used, clients) if u.status != 0]
        if failed:
            raise Failed("%d of %d senders failed, one with status %d%s%s" % (
                len(failed), len(sources), failed[0][0].status, failed[0][1].tail(), server.tail()))
        server.end()
        got = server.wait(LIMIT_S)
    finally:
        for command in list(where.running):
            command.end()
    for source in sources:
        lab.compare(source, os.path.join(inbox, os.path.basename(source)))
    sizes = [os.path.getsize(source) for source in sources]
    seconds = max(u.end_s for u in used) - min(u.begin_s for u in used)
    return seconds, [size / (u.end_s - u.begin_s) for u, size in zip(used, sizes)], got


def measure(where, options, found):
    each = max(int(BYTES * options.scale), 100000)
    where.need_memory(2 * SENDERS * each + (1 << 30))
    folder = where.memory("crowd")
    os.mkdir(folder)
    sources = [where.make_file(os.path.join(folder, "file%d" % i), each) for i in range(SENDERS)]
    totals, alone, indexes, peaks = [], [], [], []
    for turn in range(1, options.runs + 1):
        inbox = where.inbox(where.memory())
        taken = where.transfer(peers.udpcp("udpcp", folder + "/", inbox), LIMIT_S)
        alone.append(SENDERS * each / taken.seconds)
        seconds, rates, got = all_at_once(where, sources, where.inbox(where.memory()))
        totals.append(SENDERS * each / seconds)
        indexes.append(jain(rates))
        peaks.append(got.peak_bytes)
        progress("crowd, round %d of %d: %.2f Gbit/s together, one alone %.2f, Jain %.3f, receiver %.0f MB" % (
            turn, options.runs, totals[-1] * 8 / 1e9, alone[-1] * 8 / 1e9, indexes[-1], peaks[-1] / MB))
    title = "100 senders at once"
    found.judge("%s, all exit 0" % title, "%d of %d" % (SENDERS, SENDERS), "all", True)
    ratio = median(totals) / median(alone)
    found.judge("%s, together / one alone" % title, "ratio %.2f" % ratio, "at least %.2f" % TOTAL_LEAST,
                ratio >= TOTAL_LEAST)
    found.judge("%s, Jain's index of their rates" % title, "%.3f" % median(indexes),
                "at least %.2f" % JAIN_LEAST, median(indexes) >= JAIN_LEAST)
    found.judge("%s, receiver's peak memory" % title, "%.0f MB" % (max(peaks) / MB),
                "under %d MB" % (PEAK_BYTES_MAX // MB), max(peaks) < PEAK_BYTES_MAX)
    found.notes.append("%s: %.2f Gbit/s together, the same files from one %.2f" % (
        title, median(totals) * 8 / 1e9, median(alone) * 8 / 1e9))

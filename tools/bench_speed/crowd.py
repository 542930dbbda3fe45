"""Many senders at once to one receiver: do all get through, how fast together, how evenly, in how much memory.
One sender that moves the same files alone says what they could do at most."""
import os
import time

from bench_shared.machine import Failed, median, progress

from . import lab, peers
from .lab import MB

SENDERS, BYTES = 100, 20 * MB
TOTAL_LEAST, JAIN_LEAST, PEAK_BYTES_MAX = 0.80, 0.90, 400 * MB
LIMIT_S = 300
STAND_S = 0.5  # until all stand at the line, waiting for the start


def jain(values):
    return sum(values) ** 2 / (len(values) * sum(v * v for v in values))


def all_at_once(where, sources, inbox):
    """(seconds from the first start to the last end, each one's bytes a second, CPU seconds of all senders,
    the receiver's usage)"""
    peer = peers.udpcp("udpcp", sources[0], inbox)
    server = where.serve(peer)
    try:
        gate, key = os.pipe()
        clients = [lab.Command(where, "sender", peers.udpcp("udpcp", source, inbox).client, gate=gate)
                   for source in sources]
        time.sleep(STAND_S)
        os.close(gate)
        os.close(key)
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
    rates = [size / (u.end_s - u.begin_s) for u, size in zip(used, sizes)]
    return seconds, rates, sum(u.cpu_s for u in used), got


def measure(where, options, found):
    each = max(int(BYTES * options.scale), 100000)
    where.need_memory(2 * SENDERS * each + (1 << 30))
    folder = where.memory("crowd")
    os.mkdir(folder)
    sources = [where.make_file(os.path.join(folder, "file%d" % i), each) for i in range(SENDERS)]
    where.keep_warm(SENDERS * each)
    totals, alone, indexes, peaks, cpus = [], [], [], [], []
    for turn in range(1, options.runs + 1):
        inbox = where.inbox(where.memory())
        taken = where.transfer(peers.udpcp("udpcp", folder + "/", inbox), LIMIT_S)
        alone.append(SENDERS * each / taken.seconds)
        seconds, rates, cpu_s, got = all_at_once(where, sources, where.inbox(where.memory()))
        totals.append(SENDERS * each / seconds)
        indexes.append(jain(rates))
        peaks.append(got.peak_bytes)
        cpus.append((cpu_s, got.cpu_s, taken.sender.cpu_s, taken.receiver.cpu_s))
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
    found.notes.append("%s: CPU seconds of the senders %.2f and the receiver %.2f, where one sends all %.2f and "
                       "%.2f" % (title, *(median(part) for part in zip(*cpus))))

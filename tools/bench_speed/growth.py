"""Ten and more times as much: does a GiB or a file take longer, does memory grow?

16 GiB at both ends would not fit into most machines' memory. So the source is one file of 1 GiB under 16
names, and what has arrived is removed while the rest still comes; the same is done, and costs the same, where
they are sent one after the other, each by a command of its own.
"""
import os
import threading
import time

from bench_shared.machine import median, progress

from . import lab, peers, works
from .lab import GIB, MB

NAMES = 16
LONG_LIMIT_S = 1800
SIZE_BOUND, FILES_BOUND = 1.10, 1.15
MANY_FILES, EMPTY_FILES = 200000, 1000000
EMPTY_PEAK_BYTES_MAX = 200 * MB
MANY_RUNS = 3  # at most


class Remover(threading.Thread):
    """Removes what stands under a final name in a folder, as it comes."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.is_over, self.names = folder, False, set()

    def run(self):
        is_last = False
        while not is_last:  # what came while it removed the others is looked for once more
            is_last = self.is_over
            with os.scandir(self.folder) as entries:
                arrived = [e for e in entries if not e.name.startswith(".udpcp-") and e.is_file()]
            for entry in arrived:
                os.unlink(entry.path)
                self.names.add(entry.name)
            time.sleep(0.02)

    def stop(self):
        time.sleep(0.1)
        self.is_over = True
        self.join()
        return len(self.names)


def removed_meanwhile(inbox, count, transfer):
    remover = Remover(inbox)
    remover.start()
    try:
        taken = transfer()
    finally:
        arrived = remover.stop()
    if arrived != count:
        raise lab.Failed("%d of %d files arrived" % (arrived, count))
    return taken


def size_growth(where, options, found):
    each = max(int(GIB * options.scale), 8 << 20)
    where.need_memory(4 * each + lab.WARM_MORE_BYTES)
    folder = where.memory("names")
    os.mkdir(folder)
    sources = [os.path.join(folder, "name%02d" % i) for i in range(NAMES)]
    where.make_file(sources[0], each)
    for source in sources[1:]:
        os.link(sources[0], source)
    where.keep_warm(3 * each)
    singles, wholes = [], []
    where.transfer(peers.udpcp("udpcp", sources[0], where.inbox(where.memory())), LONG_LIMIT_S)
    for turn in range(1, min(options.runs, MANY_RUNS) + 1):
        inbox = where.inbox(where.memory())
        singles.append(removed_meanwhile(inbox, NAMES, lambda: [
            where.transfer(peers.udpcp("udpcp", source, inbox), LONG_LIMIT_S) for source in sources]))
        wholes.append(removed_meanwhile(inbox, NAMES, lambda: where.transfer(
            peers.udpcp("udpcp", folder + "/", inbox), LONG_LIMIT_S)))
        progress("growth, round %d: %.3f s for each alone, %.3f s a piece for all" % (
            turn, median([t.seconds for t in singles[-1]]), wholes[-1].seconds / NAMES))
    single = median([sum(t.seconds for t in turn) / NAMES for turn in singles])
    whole = median([t.seconds / NAMES for t in wholes])
    works.judge_ratio(found, "time a GiB, 16 GiB / 1 GiB", whole, single, SIZE_BOUND)
    found.notes.append("a GiB took %.3f s within 16 GiB in one session (16 names of one file, removed as they "
                       "arrive), %.3f s in a session of its own" % (whole, single))
    peak = max(max(t.sender.peak_bytes, t.receiver.peak_bytes) for t in wholes)
    found.judge("16 GiB, peak memory of either end", "%.0f MB" % (peak / MB), "under 128 MB",
                peak < works.PEAK_BYTES_MAX)


def tree_runs(where, path, runs):
    taken = []
    for turn in range(runs):
        inbox = where.inbox(where.memory())
        taken.append(where.transfer(peers.udpcp("udpcp", path + "/", inbox), LONG_LIMIT_S))
        progress("growth, %s, round %d of %d: %.3f s" % (os.path.basename(path), turn + 1, runs,
                                                         taken[-1].seconds))
        if turn == 0:
            lab.compare(path, inbox)
    where.inbox(where.memory())
    return taken


def peak_of(taken):
    return max(max(t.sender.peak_bytes, t.receiver.peak_bytes) for t in taken)


def file_growth(where, options, found):
    many = max(int(MANY_FILES * options.scale), 2000)
    few = many // 10
    runs = min(options.runs, MANY_RUNS)
    where.need_memory(many * 30000)
    trees = [where.make_tree(where.memory(name), count, works.log_size)
             for name, count in (("few", few), ("many", many))]
    where.keep_warm(many * 10000)
    taken = [tree_runs(where, tree, runs) for tree in trees]
    few_s, many_s = (median([t.seconds for t in part]) for part in taken)
    works.judge_ratio(found, "time a file, 200,000 / 20,000", many_s / many, few_s / few, FILES_BOUND)
    found.notes.append("20,000 files took %.2f s, 200,000 took %.2f s" % (few_s, many_s))
    found.judge("200,000 files, peak memory of either end", "%.0f MB" % (peak_of(taken[1]) / MB),
                "under 128 MB", peak_of(taken[1]) < works.PEAK_BYTES_MAX)


def empty_files(where, options, found):
    count = max(int(EMPTY_FILES * options.scale), 2000)
    where.need_memory(count * 3000)
    tree = where.make_tree(where.memory("empty"), count, lambda seeded: 0)
    taken = tree_runs(where, tree, 1)
    found.judge("a million empty files, peak memory of either end", "%.0f MB" % (peak_of(taken) / MB),
                "under 200 MB", peak_of(taken) < EMPTY_PEAK_BYTES_MAX)
    found.notes.append("a million empty files took %.1f s" % taken[0].seconds)


def measure(where, options, found):
    for step in (size_growth, file_growth, empty_files):
        try:
            step(where, options, found)
        except lab.Failed as error:
            found.fail("growth, %s" % step.__name__.replace("_", " "), error)
        where.clear()

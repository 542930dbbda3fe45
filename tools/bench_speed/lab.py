"""Two network namespaces with a veth pair between them, memory and a disk to copy within, and transfers there.

All of it stands inside namespaces of processes, mounts and network that die with the first process in them:
nothing can be left behind, however the measurement ends. The sender's end is where this runs, the receiver's
is one namespace further. Every command is run by bench_run (run.c), which tells what it took.
"""
import collections
import ctypes
import filecmp
import json
import os
import random
import shutil
import subprocess
import time

from bench_shared.machine import ROOT, Failed, is_open, widen_tcp

BUILD = os.path.join(ROOT, "build", "gcc")
RUN = os.path.join(BUILD, "bench_run")
SENDER, RECEIVER = "10.77.0.2", "10.77.0.1"
DEVICES = {"sender": "here", "receiver": "there"}
READY_LIMIT_S = 20
TAIL_LINES = 12  # of what a failed command said
PUNCH_HOLE_KEEP_SIZE = 3  # of fallocate
WARM_MORE_BYTES = 256 << 20  # what is in flight, and what others on the machine take
MB, GIB = 10**6, 1 << 30
LIBC = ctypes.CDLL(None)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
OFFLOADS = ("tso", "gso", "gro", "tx-udp-segmentation")

# What one transfer took. end: (CPU seconds, bytes of its largest process)
End = collections.namedtuple("End", "cpu_s peak_bytes")
Taken = collections.namedtuple("Taken", "seconds sender receiver said")
Usage = collections.namedtuple("Usage", "status begin_s end_s cpu_s peak_bytes")


class Command:
    """One command under way at one end; gate: a pipe whose end lets it begin."""

    def __init__(self, where, end, argv, more=None, gate=None):
        where.count += 1
        self.where, self.name = where, os.path.basename(argv[0])
        self.log, self.result = where.path("log%d" % where.count), where.path("result%d" % where.count)
        options = (["-n", where.far_side] if end == "receiver" else []) + (["-w"] if gate else [])
        argv = [RUN] + options + [self.result] + argv
        environment = dict(where.environment, XDG_CONFIG_HOME=where.path("config-" + end), **(more or {}))
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(argv, stdin=gate or subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=where.work, env=environment)
        where.running.add(self)

    def said(self):
        with open(self.log, errors="replace") as text:
            return text.read()

    def tail(self):
        return "".join("\n    %s| %s" % (self.name, x) for x in self.said().splitlines()[-TAIL_LINES:])

    def wait(self, limit_s):
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.end()
            raise Failed("%s did not end within %.0f s%s" % (self.name, limit_s, self.tail())) from None
        return self.usage()

    def end(self):
        """Asks it to leave, and sees to it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.where.running.discard(self)

    def usage(self):
        self.where.running.discard(self)
        try:
            with open(self.result) as line:
                status, begin, end, cpu, peak = (int(x) for x in line.read().split())
        except (OSError, ValueError):
            raise Failed("%s could not be run%s" % (self.name, self.tail())) from None
        return Usage(status, begin / 1e9, end / 1e9, cpu / 1e6, peak * 1024)


class Lab:
    """work: an empty folder for small things; memory is mounted in it. disk: a folder on a real file system,
    None when nobody asks for it."""

    def __init__(self, work, disk, image_bytes):
        self.work, self.count, self.running = work, 0, set()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("UDPCP_")}
        self.environment.update(LC_ALL="C", HOME=self.path("home"),
                                PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        os.environ["PATH"] = self.environment["PATH"]
        self.sshd = shutil.which("sshd")  # it wants to be called by its whole path
        for name in ("home", "config-sender", "config-receiver", "memory"):
            os.mkdir(self.path(name))
        tool("mount", "-t", "tmpfs", "-o", "size=95%,nr_inodes=0,mode=700", "bench", self.path("memory"))
        tool("mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "bench", "/run")  # sshd wants its folder there
        os.mkdir("/run/sshd", 0o755)
        self.disk = disk
        if disk and image_bytes:
            self.make_image(image_bytes)
        self.make_network()

    def make_image(self, image_bytes):
        image, self.disk = os.path.join(self.disk, "image"), self.path("disk")
        with open(image, "wb") as file:
            file.truncate(image_bytes)
        tool("mkfs.ext4", "-q", image)
        os.mkdir(self.disk)
        tool("mount", "-o", "loop", image, self.disk)

    def make_network(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.far_side = "/proc/%d/ns/net" % self.holder.pid
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(self.far_side) == ours:
            if self.holder.poll() is not None:
                raise Failed("cannot make a second network namespace")
            time.sleep(0.01)
        tool("ip", "link", "add", "here", "mtu", "1500", "type", "veth", "peer", "name", "there", "mtu", "1500")
        tool("ip", "link", "set", "there", "netns", str(self.holder.pid))
        for end, address in (("sender", SENDER), ("receiver", RECEIVER)):
            self.at(end, "ip", "link", "set", "lo", "up")
            self.at(end, "ip", "address", "add", address + "/24", "dev", DEVICES[end])
            self.at(end, "ip", "link", "set", DEVICES[end], "up")
        widen_tcp()
        self.at("receiver", "python3", "-B", "-c", "import sys; sys.path.insert(0, sys.argv[1]); "
                "from bench_shared.machine import widen_tcp; widen_tcp()", os.path.join(ROOT, "tools"))

    def at(self, end, *argv):
        """A command that only sets something up."""
        command = Command(self, end, list(argv))
        if command.wait(READY_LIMIT_S).status != 0:
            raise Failed("%s failed%s" % (" ".join(argv), command.tail()))

    def offloads(self, value):
        """GSO, TSO and GRO of both ends of the veth pair; value: "on" or "off"."""
        for end, device in DEVICES.items():
            self.at(end, "ethtool", "-K", device, *(x for name in OFFLOADS for x in (name, value)))

    def path(self, *names):
        return os.path.join(self.work, *names)

    def memory(self, *names):
        return self.path("memory", *names)

    def clear(self):
        """Ends what is under way, and removes all files."""
        for command in list(self.running):
            command.end()
        for folder in [self.memory()] + ([self.disk] if self.disk else []):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isdir(path) and name != "lost+found":
                    shutil.rmtree(path, ignore_errors=True)
                elif os.path.isfile(path):
                    os.unlink(path)

    # ---- what is moved ----

    def inbox(self, parent):
        """An empty folder to receive into. What the one before left stays until now, so that the memory that
        is written next has been in use until a moment ago, for everybody."""
        folder = os.path.join(parent, "inbox")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        return folder

    def make_file(self, path, size_bytes):
        with open(path, "wb") as out:
            for at in range(0, size_bytes, 1 << 20):
                out.write(os.urandom(min(1 << 20, size_bytes - at)))
        return path

    def make_tree(self, path, count, size_of):
        """Files of random bytes, 200 in a folder; size_of(random) says how large each is."""
        seeded, pool = random.Random(1), os.urandom(1 << 20)
        for i in range(count):
            folder = os.path.join(path, "%04d" % (i // 200))
            if i % 200 == 0:
                os.makedirs(folder)
            size = size_of(seeded)
            start = seeded.randrange(len(pool) - size)
            with open(os.path.join(folder, "%03d" % (i % 200)), "wb") as out:
                out.write(pool[start:start + size])
        return path

    def keep_warm(self, size_bytes):
        """Memory for so much that is received, the same again and again. Where the machine is a virtual one,
        large pieces of memory that nobody uses go back to its host within seconds, and whoever writes there
        next pays for fetching them. So here memory is in small pieces that are too small to be given back and
        that the kernel prefers: the holes of a file of which every 64th page stays."""
        page = os.sysconf("SC_PAGE_SIZE")
        piece, size_bytes = 64 * page, size_bytes + WARM_MORE_BYTES
        with open(self.memory("pool"), "wb") as pool:
            os.posix_fallocate(pool.fileno(), 0, size_bytes)
            for at in range(page, size_bytes, piece):
                if LIBC.fallocate(pool.fileno(), PUNCH_HOLE_KEEP_SIZE, at, piece - page) != 0:
                    raise Failed("cannot punch a hole into a file in memory")

    def need_memory(self, size_bytes):
        with open("/proc/meminfo") as table:
            values = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in table}
        if values["MemAvailable"] < size_bytes + GIB // 2:
            raise Failed("needs %.1f GB of memory, %.1f GB are to be had: see --scale" % (
                (size_bytes + GIB // 2) / 1e9, values["MemAvailable"] / 1e9))

    # ---- one transfer ----

    def serve(self, peer):
        """Starts the peer's receiving end and waits until it can be reached."""
        server = Command(self, "receiver", peer.server, peer.environment)
        deadline = time.monotonic() + READY_LIMIT_S
        while not is_open(peer.protocol, peer.port, str(self.holder.pid)):
            if server.process.poll() is not None or time.monotonic() > deadline:
                server.end()
                raise Failed("%s: nobody listens%s" % (peer.name, server.tail()))
            time.sleep(0.005)
        return server

    def transfer(self, peer, limit_s):
        """From the start of the sending command to its end, and to the receiving one's where that ends by
        itself. Raises Failed."""
        server = self.serve(peer) if peer.server else None
        try:
            client = Command(self, "sender", peer.client, peer.environment)
            sent = client.wait(limit_s)
            if sent.status != 0:
                raise Failed("%s left with status %d%s%s" % (
                    peer.name, sent.status, client.tail(), server.tail() if server else ""))
            if not server:
                return Taken(sent.end_s - sent.begin_s, End(sent.cpu_s, sent.peak_bytes), None, client.said())
            if not peer.server_ends:
                server.end()
            got = server.wait(limit_s)
            if peer.server_ends and got.status != 0:
                raise Failed("%s's receiver left with status %d%s" % (peer.name, got.status, server.tail()))
        finally:
            if server:
                server.end()
        end_s = max(sent.end_s, got.end_s) if peer.server_ends else sent.end_s
        return Taken(end_s - sent.begin_s, End(sent.cpu_s, sent.peak_bytes), End(got.cpu_s, got.peak_bytes),
                     client.said())


def tool(*argv):
    ran = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if ran.returncode != 0:
        raise Failed("%s failed: %s" % (" ".join(argv), ran.stdout.decode(errors="replace").strip()))


def compare(source, arrived):
    """What was reported as sent must be there, byte for byte."""
    if os.path.isdir(source):
        ran = subprocess.run(["diff", "-rq", source, arrived], stdout=subprocess.PIPE, check=False)
        if ran.returncode != 0:
            raise Failed("a tree arrived otherwise: %s" % ran.stdout.decode(errors="replace")[:300])
    elif not os.path.exists(arrived) or not filecmp.cmp(source, arrived, shallow=False):
        raise Failed("%s did not arrive as it was" % os.path.basename(source))


def iperf_bytes_per_s(said):
    """From iperf3's own report: what its server received over the time that took."""
    try:
        received = json.loads(said)["end"]["sum_received"]
        return received["bytes"] / received["seconds"]
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise Failed("iperf3 gave no figure (%s): %s" % (error, said[:300])) from error

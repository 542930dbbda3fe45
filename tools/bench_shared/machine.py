"""What every measurement asks of the machine: room, open ports, TCP's windows, children that do not stay."""
import ctypes
import os
import shutil
import signal
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOCKET_BUFFER_MAX = 64 << 20  # of TCP, in namespaces of ours only: no path of ours needs more
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A measurement that gave no figure; the text says why, with what the commands said."""


def die_with_parent(number=signal.SIGTERM):
    """Whoever started us ends us, even when it was killed and could not say so."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit(1)


def widen_tcp():
    """TCP's windows must not be what limits it. Every network namespace has these settings of its own."""
    for name, least in (("tcp_rmem", "4096 131072"), ("tcp_wmem", "4096 16384")):
        with open("/proc/sys/net/ipv4/" + name, "w") as setting:
            setting.write("%s %d" % (least, SOCKET_BUFFER_MAX))


def is_open(protocol, port, process="self"):
    """Whether a socket of this protocol stands at the port and has no peer, in the network namespace of a
    process."""
    for path in ("/proc/%s/net/%s" % (process, protocol), "/proc/%s/net/%s6" % (process, protocol)):
        if not os.path.exists(path):
            continue
        with open(path) as table:
            for line in list(table)[1:]:
                local, remote = line.split()[1:3]
                if int(local.rpartition(":")[2], 16) == port and int(remote.rpartition(":")[2], 16) == 0:
                    return True
    return False


def room_for(size_bytes):
    """A folder in memory where there is one with so much room, else the usual one for temporary files."""
    for parent in ("/dev/shm", os.environ.get("TMPDIR", "/tmp")):
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK):
            continue
        if shutil.disk_usage(parent).free >= size_bytes:
            return parent
    raise Failed("no room for %d MB in /dev/shm or in TMPDIR" % (size_bytes // 1000000))


def progress(text):
    print("%s  %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


def median(values):
    return statistics.median(values) if values else None

"""Whoever takes part: how each one's receiving end is started, and the command that sends.

Each receives from the network into a folder and sends from a path; nobody reads or writes anything else, in
particular no configuration of this machine: keys and settings are made in the folder of the measurement.
"""
import collections
import getpass
import os
import shlex

from . import lab

PORTS = {"udpcp": 4117, "rsync": 8730, "scp": 2222, "tar": 9001, "nc": 9002, "uftp": 1044, "iperf3": 5201}
LARGE = 1 << 20  # tar's records and socat's buffer
UFTP_BLOCK = 1444  # with its headers a datagram of 1472

# server: None for what has no second end. server_ends: it does so by itself when it has everything.
Peer = collections.namedtuple("Peer", "name server client protocol port server_ends environment")


def udpcp(name, source, inbox, *more, program="udpcp", environment=None, port=PORTS["udpcp"]):
    binary = os.path.join(lab.BUILD, program)
    return Peer(name, [binary, "recv", "-q", "-p", str(port), *more, inbox],
                [binary, "send", "-q", "-p", str(port), *more, source, lab.RECEIVER],
                "udp", port, False, environment)


def rsync(where, name, source, inbox, *more):
    port = PORTS["rsync"]
    config = where.path("rsyncd.conf")
    owner = "uid = 0\ngid = 0\n" if os.geteuid() == 0 else ""
    with open(config, "w") as out:
        out.write("use chroot = no\nread only = no\n%slog file = /dev/null\n[inbox]\npath = %s\n" % (
            owner, inbox))
    return Peer(name, ["rsync", "--daemon", "--no-detach", "--config=" + config, "--port=%d" % port],
                ["rsync", "-a", *more, source, "rsync://%s:%d/inbox/" % (lab.RECEIVER, port)],
                "tcp", port, False, None)


def unlock(shadow):
    """sshd lets nobody in whose account is locked, as root's often is. In our own mounts, and only there, the
    list of passwords is another one, without any."""
    if os.geteuid() == 0:
        with open(shadow, "w") as out:
            out.write("%s:*:19000:0:99999:7:::\n" % getpass.getuser())
        lab.tool("mount", "--bind", shadow, "/etc/shadow")


def scp(where, name, source, inbox):
    """A throw-away sshd with keys of its own; the login is whoever runs this."""
    port, folder = PORTS["scp"], where.path("ssh")
    sshd = where.sshd or "sshd"
    if not os.path.exists(folder):
        os.mkdir(folder, 0o700)
        for key in ("host", "login"):
            lab.tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, key))
        unlock(os.path.join(folder, "shadow"))
    config = os.path.join(folder, "sshd_config")
    with open(config, "w") as out:
        out.write("Port %d\nHostKey %s/host\nAuthorizedKeysFile %s/login.pub\nStrictModes no\nUsePAM no\n"
                  "PidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\n"
                  "Subsystem sftp internal-sftp\n" % (port, folder, folder))
    return Peer(name, [sshd, "-D", "-e", "-f", config],
                ["scp", "-q", "-F", "none", "-i", folder + "/login", "-c", "aes128-gcm@openssh.com",
                 "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + folder + "/known",
                 "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR",
                 "-P", str(port), source, "%s@%s:%s/" % (getpass.getuser(), lab.RECEIVER, inbox)],
                "tcp", port, False, None)


def shell(script):
    return ["sh", "-c", script]


def tar(name, source, inbox):
    port, blocks = PORTS["tar"], LARGE // 512
    folder, base = os.path.split(source)
    send = "tar -b %d -cf - -C %s %s | socat -u -b %d - TCP:%s:%d" % (
        blocks, shlex.quote(folder), shlex.quote(base), LARGE, lab.RECEIVER, port)
    receive = "socat -u -b %d TCP-LISTEN:%d,reuseaddr - | tar -b %d -xf - -C %s" % (
        LARGE, port, blocks, shlex.quote(inbox))
    return Peer(name, shell(receive), shell(send), "tcp", port, True, None)


def nc(name, source, inbox):
    port, target = PORTS["nc"], os.path.join(inbox, os.path.basename(source))
    return Peer(name, shell("exec nc -l %d >%s" % (port, shlex.quote(target))),
                shell("exec nc -N %s %d <%s" % (lab.RECEIVER, port, shlex.quote(source))),
                "tcp", port, True, None)


def uftp(name, source, inbox):
    port = PORTS["uftp"]
    return Peer(name, ["uftpd", "-d", "-t", "-x", "1", "-p", str(port), "-I", "there", "-D", inbox],
                ["uftp", "-R", "-1", "-b", str(UFTP_BLOCK), "-p", str(port), "-I", "here",
                 "-M", lab.RECEIVER, source],
                "udp", port, False, None)


def iperf3(name, size_bytes):
    port = PORTS["iperf3"]
    return Peer(name, ["iperf3", "-s", "-1", "-p", str(port)],
                ["iperf3", "-c", lab.RECEIVER, "-p", str(port), "-n", str(size_bytes), "--json"],
                "tcp", port, True, None)


def cp(name, source, inbox):
    return Peer(name, None, ["cp", source, inbox], None, None, False, None)

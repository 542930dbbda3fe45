"""Runs one measurement: servers and clients at the two ends of a link, and reads what the link counted.

Everything that is written lives in one folder that is removed at the end; everything that is started is ended
by its own id.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from bench_shared.machine import ROOT, Failed, die_with_parent, room_for

HERE = os.path.dirname(os.path.abspath(__file__))
UDPCP = os.path.join(ROOT, "build", "udpcp")
NETLAB = os.path.join(ROOT, "build", "netlab")
AGENT = [sys.executable, "-B", os.path.join(HERE, "agent.py")]
RECEIVER = "10.77.0.1"  # netlab's side A; the veth pair uses the same address
PORT = 4117
TCP_PORT = 5201
TAIL_LINES = 12  # of what a failed command said


class Seen:
    """What one measurement showed: a dict for each client, the link's counts, and what everybody said."""

    def __init__(self, results, stats, flows, logs):
        self.results, self.stats, self.flows, self.logs = results, stats, flows, logs


def counts_of(line):
    """The numbers of a line of words `name=number`."""
    found = re.findall(r"(\w+)=([0-9.]+|[a-z]+)", line)
    return {name: float(value) if value[0].isdigit() else value for name, value in found}


class Lab:
    def __init__(self, room_bytes):
        self.work = tempfile.mkdtemp(prefix="udpcp-bench-paths.", dir=room_for(room_bytes))
        self.running = None
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("UDPCP_")}
        self.environment.update(XDG_CONFIG_HOME=self.path("config"), LC_ALL="C",
                                PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def path(self, *names):
        return os.path.join(self.work, *names)

    def close(self):
        self.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    def stop(self):
        """Ends the measurement under way and all that belongs to it: it has a process group of its own, and
        netlab, asked to end, ends the groups of its two commands."""
        if self.running is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.running.poll() is None:
                os.killpg(self.running.pid, number)
                try:
                    self.running.wait(8)
                except subprocess.TimeoutExpired:
                    continue
        self.running = None

    def make_file(self, name, size_bytes):
        """Random bytes, or the file that was made before."""
        path = self.path(name)
        if not os.path.exists(path) or os.path.getsize(path) != size_bytes:
            with open(path, "wb") as out:
                for at in range(0, size_bytes, 1 << 20):
                    out.write(os.urandom(min(1 << 20, size_bytes - at)))
        return path

    def measure(self, link, servers, clients, limit_s, stop_s=None):
        """link: options of netlab as a list, or "veth" or "loopback". servers: (argv, protocol, port) each;
        clients: argv each, one after the other, or all at once until stop_s. Raises Failed."""
        shutil.rmtree(self.path("run"), ignore_errors=True)
        os.mkdir(self.path("run"))
        plan = {
            "ready": self.path("run", "ready"), "result": self.path("run", "result"), "device": link,
            "limit_s": limit_s, "stop_s": stop_s,
            "has_tcp": any(protocol == "tcp" for _, protocol, _ in servers),
            "ports": [(protocol, port) for _, protocol, port in servers],
            "servers": [{"argv": argv, "log": self.path("run", "server%d" % i)}
                        for i, (argv, _, _) in enumerate(servers)],
            "clients": [{"argv": argv, "log": self.path("run", "client%d" % i),
                         "ends_by_itself": argv[0] == "iperf3"} for i, argv in enumerate(clients)]}
        text = json.dumps(plan)
        if isinstance(link, list):
            command = [NETLAB, "--stats", "--flows", "--stop-a-after-b"] + link + ["--"]
            command += AGENT + ["hold", text, "--"] + AGENT + ["go", text]
        else:
            command = ["unshare", "-n" if os.geteuid() == 0 else "-rn"] + AGENT + ["bare", text]
        said = self.run(command, len(clients) * limit_s + 60)
        return self.look(plan, said)

    def run(self, command, limit_s):
        """In a session of its own: an interrupt at the terminal reaches us alone, and we end it."""
        with open(self.path("run", "link"), "wb") as out:
            self.running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, cwd=self.work,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            env=self.environment, preexec_fn=die_with_parent)
        late = ""
        try:
            self.running.wait(limit_s)
        except subprocess.TimeoutExpired:
            late = "stopped after %d s" % limit_s
        finally:
            self.stop()
        with open(self.path("run", "link"), errors="replace") as lines:
            return lines.read() + late

    def look(self, plan, said):
        logs = {"link": said}
        for command in plan["servers"] + plan["clients"]:
            if os.path.exists(command["log"]):
                with open(command["log"], errors="replace") as lines:
                    logs[os.path.basename(command["log"])] = lines.read()
        if not os.path.exists(plan["result"]):
            raise Failed("no result" + tails(logs))
        with open(plan["result"]) as text:
            results = json.load(text)
        for i, result in enumerate(results):
            was_ended = plan["stop_s"] and result["seconds"] >= plan["stop_s"] and result["status"] < 0
            name = os.path.basename(plan["clients"][i]["argv"][0])
            others = ["client%d" % k for k in range(len(plan["clients"])) if k != i]
            said_here = tails({k: v for k, v in logs.items() if k not in others})
            if result["is_late"]:
                raise Failed("%s stopped after %.0f s%s" % (name, result["seconds"], said_here))
            if result["status"] != 0 and not was_ended:
                raise Failed("%s left with status %d%s" % (name, result["status"], said_here))
        stats = counts_of(next((x for x in said.splitlines() if x.startswith("netlab: b->a")), ""))
        flows = [counts_of(x) for x in said.splitlines() if x.startswith("netlab: flow b->a")]
        return Seen(results, stats, flows, logs)

    # ---- the two programs that are compared ----

    def inbox(self, name="inbox"):
        """An empty folder to receive into."""
        shutil.rmtree(self.path(name), ignore_errors=True)
        os.mkdir(self.path(name))
        return self.path(name)

    def receiver(self, folder, port=PORT):
        return ([UDPCP, "recv", "--port", str(port), folder], "udp", port)

    def sender(self, path, *more, port=PORT, host=RECEIVER):
        return [UDPCP, "send", "-v", "--port", str(port), *more, path, host]

    def tcp_server(self):
        return (["iperf3", "-s", "-p", str(TCP_PORT)], "tcp", TCP_PORT)

    def tcp_client(self, controller, seconds):
        return ["iperf3", "-c", RECEIVER, "-p", str(TCP_PORT), "-C", controller, "-t", str(seconds), "--json"]

    def compare(self, source, arrived):
        """What was reported as sent must be there, byte for byte."""
        if not os.path.exists(arrived) or os.path.getsize(arrived) != os.path.getsize(source):
            raise Failed("%s did not arrive whole although send said so" % os.path.basename(source))
        if subprocess.run(["cmp", "-s", source, arrived], check=False).returncode != 0:
            raise Failed("%s arrived with other bytes" % os.path.basename(source))


def tails(logs):
    """The last lines of what everybody said, one under the other."""
    lines = []
    for name, text in sorted(logs.items()):
        lines += ["    %s| %s" % (name, line) for line in text.splitlines()[-TAIL_LINES:]]
    return "\n" + "\n".join(lines) if lines else ""


def iperf_bytes_per_s(seen, log="client0"):
    """From iperf3's own report: what its server received over the time it took."""
    try:
        received = json.loads(seen.logs[log])["end"]["sum_received"]
        return received["bytes"] / received["seconds"]
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise Failed("iperf3 gave no figure (%s)%s" % (error, tails(seen.logs))) from error


def share_sent_again(seen):
    """As a fraction, from the summary of send -v."""
    found = re.search(r"([0-9.]+)% sent again", seen.logs["client0"])
    if not found:
        raise Failed("send -v did not say what share was sent again" + tails(seen.logs))
    return float(found.group(1)) / 100

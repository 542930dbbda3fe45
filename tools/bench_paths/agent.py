"""What runs inside the namespaces of a measurement, started by lab.py with a plan in JSON.

  hold PLAN   starts the servers, waits until their ports are open, writes `ready`, stays until it is ended
  go PLAN     waits for `ready`, runs the commands, and writes how long each took and what it cost
  bare PLAN   no emulated link: makes loopback, or a veth pair to a second namespace, and does both

A command's time is taken around the command itself: from before it is started until it has been reaped.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench_shared.machine import die_with_parent, is_open, widen_tcp  # noqa: E402

READY_LIMIT_S = 20


def start(command, log, **more):
    with open(log, "ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                **more)


def write_whole(path, value):
    with open(path + ".new", "w") as out:
        json.dump(value, out)
    os.rename(path + ".new", path)


def hold(plan):
    children = [start(c["argv"], c["log"], preexec_fn=die_with_parent) for c in plan["servers"]]
    try:
        deadline = time.monotonic() + READY_LIMIT_S
        for protocol, port in plan["ports"]:
            while not is_open(protocol, port):
                if any(c.poll() is not None for c in children) or time.monotonic() > deadline:
                    write_whole(plan["ready"], False)
                    return 1
                time.sleep(0.01)
        write_whole(plan["ready"], True)
        for child in children:
            child.wait()
        return 0
    finally:
        for child in children:
            child.kill()


def run(command, limit_s):
    """Runs it to its end, or to the limit, and says what it took."""
    begin = time.monotonic()
    child = start(command["argv"], command["log"])
    timer = threading.Timer(limit_s, child.kill)
    timer.daemon = True
    timer.start()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begin
    timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return {"status": child.returncode, "seconds": seconds, "cpu_s": usage.ru_utime + usage.ru_stime,
            "is_late": seconds >= limit_s}


def run_for(commands, stop_s):
    """Runs all at the same time and ends what still runs after stop_s; what ended before it is told."""
    children = [start(c["argv"], c["log"]) for c in commands]
    ended_s = [None] * len(children)
    begin = time.monotonic()
    own_end = [c.get("ends_by_itself", False) for c in commands]
    limit_s = stop_s + 30
    while time.monotonic() - begin < limit_s and None in ended_s:
        now_s = time.monotonic() - begin
        for i, child in enumerate(children):
            if ended_s[i] is None and child.poll() is not None:
                ended_s[i] = now_s
            elif ended_s[i] is None and now_s >= stop_s and not own_end[i]:
                child.kill()
        time.sleep(0.01)
    for child in children:
        child.kill()
        child.wait()
    return [{"status": c.returncode, "seconds": s if s is not None else limit_s, "is_late": s is None}
            for c, s in zip(children, ended_s)]


def go(plan):
    deadline = time.monotonic() + READY_LIMIT_S + 1
    while not os.path.exists(plan["ready"]):
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.01)
    with open(plan["ready"]) as ready:
        if not json.load(ready):
            return 1
    results = []
    if plan.get("stop_s"):
        results = run_for(plan["clients"], plan["stop_s"])
    for client in plan["clients"][len(results):]:
        results.append(run(client, plan["limit_s"]))
        if results[-1]["status"] != 0:
            break
    write_whole(plan["result"], results)
    return 0


def bare(plan):
    """The namespace we stand in is fresh. With a veth pair, the servers get another one."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    servers = [sys.executable, "-B", __file__, "hold", json.dumps(plan)]
    inner = None
    try:
        if plan["device"] == "veth":
            script = ("read go && ip link set lo up && ip address add 10.77.0.1/24 dev there && "
                      "ip link set there up && exec \"$@\"")
            inner = subprocess.Popen(["unshare", "-n", "sh", "-c", script, "sh"] + servers,
                                     stdin=subprocess.PIPE)
            ours = os.readlink("/proc/self/ns/net")
            while os.readlink("/proc/%d/ns/net" % inner.pid) == ours and inner.poll() is None:
                time.sleep(0.01)
            for command in ("link add here type veth peer name there", "link set there netns %d" % inner.pid,
                            "address add 10.77.0.2/24 dev here", "link set here up"):
                subprocess.run(["ip"] + command.split(), check=True)
            inner.stdin.write(b"go\n")
            inner.stdin.close()
        else:
            inner = subprocess.Popen(servers)
        return go(plan)
    finally:
        if inner is not None:
            inner.terminate()
            inner.wait()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    die_with_parent()
    role, plan = sys.argv[1], json.loads(sys.argv[2])
    if plan.get("has_tcp"):
        widen_tcp()
    sys.exit({"hold": hold, "go": go, "bare": bare}[role](plan))


if __name__ == "__main__":
    main()

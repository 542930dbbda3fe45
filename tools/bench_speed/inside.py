"""What `tools/bench` starts as the first process of its namespaces: measures, reports, and leaves 0 when every
verdict is met. The one argument is a plan in JSON: options and folders."""
import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench_shared.machine import ROOT, Failed  # noqa: E402
from bench_speed import chart, lab, works  # noqa: E402


def conditions(options):
    """What one must know to read the figures."""
    lines = ["%s, %d processors, load %.1f at the start" % (
        time.strftime("%Y-%m-%d %H:%M"), os.cpu_count(), os.getloadavg()[0]),
             "medians of %d rounds (15 for one file of 1 KB at 5), the competitors in turn within each; two "
             "namespaces, veth, MTU 1500" % options.runs,
             "seconds: the whole sending command, until the last byte is at its place; the receiving end runs "
             "already",
             "CPU: user + system seconds of an end, daemons from their start; MB: peak of its largest process",
             "all receive into the same memory, touched before the first round, kept and freed just before "
             "each run",
             "uftp: an eighth of the work, its own report of the transfer alone, times 8; iperf3: its own report"]
    if options.scale != 1:
        lines.append("SCALED to %g: a trial of the tool, its verdicts mean nothing, titles tell the full size"
                     % options.scale)
    return lines


def main():
    plan = json.loads(sys.argv[1])
    options = argparse.Namespace(**plan["options"])
    begin = time.monotonic()
    lines = conditions(options)
    try:
        where = lab.Lab(plan["work"], plan["disk"], plan["image_bytes"])
    except Failed as error:
        print("bench: %s" % error, file=sys.stderr)
        return 1
    found = works.measure(where, options)
    text = found.text(lines, time.monotonic() - begin)
    print("\n" + text, end="")
    try:
        with open(os.path.join(ROOT, "build", plan["name"] + ".txt"), "w") as out:
            out.write(text)
        if found.bars:
            chart.write(options.svg, found.bars)
    except OSError as error:
        print("bench: cannot write the report: %s" % error, file=sys.stderr)
        return 1
    return 0 if found.all_met() else 1


if __name__ == "__main__":
    sys.exit(main())

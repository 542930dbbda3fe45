"""What was found: tables, remarks, and for each thing that is judged a line `met` or `missed`."""
import collections

Verdict = collections.namedtuple("Verdict", "what figure bound is_met trouble")


class Found:
    """What goes into the report."""

    def __init__(self):
        self.tables, self.notes, self.verdicts, self.bars = [], [], [], []

    def judge(self, what, figure, bound, is_met, trouble=""):
        self.verdicts.append(Verdict(what, figure, bound, bool(is_met), trouble))

    def fail(self, what, error):
        self.judge(what, "no figure", "", False, "    %s" % error)

    def all_met(self):
        return all(v.is_met for v in self.verdicts)

    def text(self, conditions, seconds):
        """The whole report; conditions: lines that one must know to read the figures."""
        lines = conditions + [""]
        for table in self.tables:
            lines += table + [""]
        for note in self.notes:
            lines += ["note    " + note]
        width = max([44] + [len(v.what) for v in self.verdicts])
        for verdict in self.verdicts:
            lines.append("%-7s %-*s %-22s %s" % (
                "met" if verdict.is_met else "missed", width, verdict.what, verdict.figure, verdict.bound))
            if verdict.trouble:
                lines.append(verdict.trouble)
        met = sum(v.is_met for v in self.verdicts)
        lines += ["", "%d of %d met, %d missed, in %.1f minutes" % (
            met, len(self.verdicts), len(self.verdicts) - met, seconds / 60)]
        return "\n".join(lines) + "\n"

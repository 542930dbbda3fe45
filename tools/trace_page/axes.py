"""Numbers as people read them, the colours, and one pair of axes: what every panel is drawn with."""

import html
import math

WIDTH, LEFT, RIGHT = 1180, 86, 22  # pixels
PLOT = WIDTH - LEFT - RIGHT
BAR = 4  # width of a bar of losses

BYTES = ((1, "B"), (1 << 10, "KiB"), (1 << 20, "MiB"), (1 << 30, "GiB"), (1 << 40, "TiB"))
RATES = ((1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s"))
DELAYS = ((1e-3, "µs"), (1, "ms"), (1e3, "s"))

# class: light, dark
COLOURS = {
    "sent": ("#8a94a6", "#7d8899"),
    "acked": ("#1b6fd6", "#5aa2f5"),
    "flight": ("#1b6fd6", "#5aa2f5"),
    "window": ("#c2410c", "#fb8b4c"),
    "allowed": ("#15803d", "#4ec27a"),
    "pacing": ("#a21caf", "#e07cf0"),
    "latest": ("#9db4d3", "#3f5f88"),
    "smoothed": ("#1b6fd6", "#5aa2f5"),
    "least": ("#15803d", "#4ec27a"),
    "lost": ("#d01c2f", "#ff6b74"),
    "found": ("#d98a00", "#ffc24d"),
    "probe": ("#6d28d9", "#b694ff"),
    "mark": ("#475569", "#a8b3c4"),
}
# Of the controller's states, by what they do: growing, draining, level, answering a loss, looking around.
BANDS = {
    "grow": ("#bfe3c8", "#1f5a34"),
    "drain": ("#fde2b3", "#6b4a12"),
    "level": ("#cfe0f7", "#213f66"),
    "answer": ("#f8cdd0", "#6e2229"),
    "look": ("#e3d5f7", "#46306b"),
}
STATE_BANDS = {
    "slow_start": "grow", "conservative_slow_start": "grow", "startup": "grow", "ramp": "grow",
    "drain": "drain", "down": "drain", "slowdown": "drain",
    "congestion_avoidance": "level", "cruise": "level",
    "recovery": "answer",
    "refill": "look", "up": "look", "probe_rtt": "look",
}  # fmt: skip


def size_text(value):
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.4g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
        value /= 1024


def rate_text(bits):
    for unit in ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"):
        if bits < 1000 or unit == "Gbit/s":
            return f"{bits:.3g} {unit}"
        bits /= 1000


def time_text(seconds):
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def scale_of(most, units):
    """(factor, unit) for an axis whose largest value is `most`; units: ascending pairs of the same."""
    best = units[0]
    for factor, unit in units:
        if most >= factor:
            best = (factor, unit)
    return best


def ticks(most, count):
    """Round numbers from 0 up to `most`, about `count` of them."""
    if not 0 < most < math.inf:
        return [0, 1]
    raw = most / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10, 20) if power * m >= raw * 0.999)
    return [step * i for i in range(math.floor(most / step * 1.000001) + 1)]


def tick_text(value):
    return f"{value:.10g}" if value < 1e6 else f"{value:.3g}"


def escape(text):
    return html.escape(str(text), quote=True)


def style():
    rules = [
        "text{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px;fill:#1f2733}",
        ".big{font-size:19px;font-weight:600}.small{font-size:11px;font-weight:400;fill:#556070}",
        ".title{font-weight:600}",
        ".paper{fill:#ffffff}.frame{fill:none;stroke:#b6bfcc}.grid{stroke:#e6eaf0}",
        "path.line{fill:none;stroke-width:1.5;stroke-linejoin:round}path.thin{stroke-width:1}",
        "path.broad{stroke-width:2}path.dash{stroke-dasharray:5 3}#cross{stroke:#475569;opacity:.7}",
    ]
    dark = [
        "text{fill:#e4e9f0}.small{fill:#9aa6b5}.paper{fill:#12161c}.frame{stroke:#465161}",
        ".grid{stroke:#252c36}#cross{stroke:#cbd5e1}",
    ]
    for names, where in (COLOURS, "s"), (BANDS, "b"):
        for name, (light, night) in names.items():
            for rule, colour in (rules, light), (dark, night):
                if where == "s":
                    rule.append(f".s-{name}{{stroke:{colour}}}.f-{name}{{fill:{colour}}}")
                else:
                    rule.append(f".b-{name}{{fill:{colour}}}")
    return "".join(rules) + "@media (prefers-color-scheme:dark){" + "".join(dark) + "}"


class Panel:
    """One pair of axes: the time axis is shared, the other begins at 0."""

    def __init__(self, title, top, height, end, most, units):
        factor, unit = scale_of(most, units)
        self.top, self.height, self.end = top, height, end
        self.full = most * 1.04 if most > 0 else 1
        self.out, self.legend_x = [], WIDTH - RIGHT
        self.out.append(f'<g class="panel"><text class="title" x="{LEFT}" y="{top - 9}">{escape(title)}')
        self.out.append(f'<tspan class="small" dx="6">{escape(unit)}</tspan></text>')
        for tick in ticks(self.full / factor, max(3, height // 38)):
            y = self.y(tick * factor)
            self.out.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            label = f'x="{LEFT - 7}" y="{y + 4:.1f}">{tick_text(tick)}'
            self.out.append(f'<text class="small" text-anchor="end" {label}</text>')
        for time in ticks(end, 10):
            x = self.x(time)
            self.out.append(
                f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + height}"/>'
            )

    def x(self, time):
        return LEFT + PLOT * (time / self.end if self.end else 0)

    def y(self, value):
        return self.top + self.height * (1 - min(value, self.full) / self.full)

    def legend(self, entries):
        """(class, words, shape) from right to left, in the line of the title."""
        for name, words, shape in reversed(entries):
            self.legend_x -= 6.7 * len(words) + 34
            x, y = self.legend_x, self.top - 13
            if shape == "line":
                self.out.append(f'<path class="line broad s-{name}" d="M{x:.1f} {y}h18"/>')
            elif shape == "dash":
                self.out.append(f'<path class="line broad dash s-{name}" d="M{x:.1f} {y}h18"/>')
            else:
                place = f'x="{x + 4:.1f}" y="{y - 5}" width="10" height="10"'
                self.out.append(f'<rect class="f-{name}" {place}/>')
            self.out.append(f'<text class="small" x="{x + 22:.1f}" y="{y + 4}">{escape(words)}</text>')

    def line(self, name, columns, extra=""):
        """Each column a stroke over all of its values, joined to the next by the value that holds."""
        path, last = [], None
        for at, column in enumerate(columns):
            if column is None:
                continue
            x = LEFT + at * PLOT / len(columns)
            level, low, high, done = (self.y(v) for v in column)
            if last is None:
                path.append(f"M{x:.1f} {level:.1f}")
                last = level
            moves = (level, low, high, done) if low - high > 0.5 else (done,)
            if len(moves) == 1 and abs(done - last) < 0.1:
                continue  # it stays, as far as can be seen
            path.append(f"H{x:.1f}" + "".join(f"V{move:.1f}" for move in moves))
            last = done
        if path:
            path.append(f"H{LEFT + PLOT}")
            self.out.append(f'<path class="line {extra} s-{name}" d="{"".join(path)}"/>')

    def bars(self, name, counts):
        path = []
        for at, count in enumerate(counts):
            if count:
                y = self.y(count)
                x, bottom = LEFT + at * BAR, self.top + self.height
                path.append(f"M{x:.1f} {y:.1f}h{BAR - 0.6}V{bottom}h{0.6 - BAR}z")
        self.out.append(f'<path class="f-{name}" d="{"".join(path)}"/>')

    def finish(self):
        shape = f'x="{LEFT}" y="{self.top}" width="{PLOT}" height="{self.height}"'
        self.out.append(f'<rect class="frame" {shape}/></g>')
        return "".join(self.out)

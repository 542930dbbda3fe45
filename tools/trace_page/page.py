"""The panels of a connection under its headline, and all connections as one page or one picture."""

import datetime

from .axes import LEFT, PLOT, WIDTH, escape, rate_text, size_text, style, tick_text, ticks, time_text
from .panels import OF_SENDERS, PANELS, draw_states
from .reading import number, part, word

HEAD, GAP = 78, 40  # above the first panel; above each, for its title and legend
MADE_BY = "udpcp trace-page"  # stands at the beginning of what this program wrote


def headline(header, connection):
    """Who, and the sums."""
    total, series = connection.total, connection.series
    receives = connection.receives
    title = word(header.get("title"), 40) or "trace"
    peer = f" {'from' if receives else 'to'} {connection.peer}" if connection.peer else ""
    cc = "" if receives or not connection.controller else f", {connection.controller}"
    moved = total["received"] if receives else total["acked"]
    sums = [f"{size_text(moved)} {'received' if receives else 'acknowledged'} in {time_text(connection.end)}"]
    if connection.end:
        sums.append(rate_text(moved * 8 / connection.end))
    if not receives:
        lost = len(connection.lost)
        share = 100 * lost / total["packets"] if total["packets"] else 0
        sums.append(f"{share:.2f}% lost ({lost} of {total['packets']} packets)")
    if series["least"].values:
        least = series["least"].values[-1] / 1000
        sums.append(f"round trip {time_text(least)} at least")
    if receives:
        sums.append("in flight: see the sender's trace")
    if not connection.closing:
        sums.append("the end is not in the trace")
    reference = number(part(header, "common_fields"), "reference_time") or 0
    when = reference / 1000 + (connection.begin or 0)
    if 0 < when < 1 << 33:
        moment = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
        sums.append(f"{moment:%Y-%m-%d %H:%M:%S} UTC")
    return title + peer + cc, "  ·  ".join(sums)


def draw(header, connection, y=0):
    """One connection as an SVG element, and its height."""
    tops, top = [], HEAD + 18 + GAP - 8
    panels = [p for p in PANELS if not (connection.receives and p[0] in OF_SENDERS)]
    for _, height in panels:
        tops.append(top)
        top += height + GAP
    bottom = top - GAP
    title, sums = headline(header, connection)
    out = [draw_states(connection, HEAD, bottom)]
    for (make, height), at in zip(panels, tops):
        panel = make(connection, at, height)
        out.append(panel.finish())
    for time in ticks(connection.end, 10):
        x = panel.x(time)
        label = f'x="{x:.1f}" y="{bottom + 17}">{tick_text(time)}'
        out.append(f'<text class="small" text-anchor="middle" {label}</text>')
    label = f'x="{LEFT + PLOT / 2}" y="{bottom + 35}">seconds'
    out.append(f'<text class="small" text-anchor="middle" {label}</text>')
    height = bottom + 48
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="trace" y="{y}" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">'
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
        f'<text class="big" x="{LEFT}" y="34">{escape(title)}</text>'
        f'<text x="{LEFT}" y="58">{escape(sums)}</text>{"".join(out)}</svg>'
    ), height


SCRIPT = """
for (const svg of document.querySelectorAll("svg.trace")) {
  const line = document.createElementNS(svg.namespaceURI, "line"), box = svg.viewBox.baseVal;
  const left = %d, right = %d, end = Number(svg.parentNode.dataset.end);
  const text = document.createElementNS(svg.namespaceURI, "text");
  line.id = "cross"; text.setAttribute("y", %d);
  for (const part of [line, text]) { part.style.display = "none"; svg.append(part); }
  line.setAttribute("y1", %d); line.setAttribute("y2", box.height - 48);
  svg.addEventListener("mousemove", (event) => {
    const frame = svg.getBoundingClientRect(), x = (event.clientX - frame.left) / frame.width * box.width;
    const shown = x >= left && x <= right ? "" : "none";
    for (const part of [line, text]) part.style.display = shown;
    line.setAttribute("x1", x); line.setAttribute("x2", x);
    text.setAttribute("x", Math.min(x + 5, right - 60));
    text.textContent = ((x - left) / (right - left) * end).toFixed(3) + " s";
  });
}
""" % (LEFT, LEFT + PLOT, HEAD - 5, HEAD)  # fmt: skip


def page(drawn, notes):
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    body = "".join(f'<figure data-end="{c.end:.6f}">{draw(h, c)[0]}</figure>' for h, c in drawn)
    more = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta name="generator" content="{MADE_BY}"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}"/>'
        '<meta name="viewport" content="width=device-width"/><meta name="color-scheme" content="light dark"/>'
        f"<title>{escape(headline(*drawn[0])[0])}</title><style>{style()}"
        "body{margin:0 auto;max-width:1180px;background:#ffffff;color:#1f2733}"
        "figure{margin:0 0 24px}svg{width:100%;height:auto;display:block}"
        "p{margin:8px 86px;font:13px system-ui,sans-serif}"
        "@media (prefers-color-scheme:dark){body{background:#12161c;color:#e4e9f0}}</style></head>"
        f"<body>{body}{more}<script>//<![CDATA[{SCRIPT}//]]></script></body></html>\n"
    )


def picture(drawn):
    """All connections, one below the other."""
    parts, y = [], 0
    for header, connection in drawn:
        svg, height = draw(header, connection, y)
        parts.append(svg)
        y += height
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {MADE_BY} -->\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{y}" viewBox="0 0 {WIDTH} {y}"><style>{style()}</style>{"".join(parts)}</svg>\n'
    )

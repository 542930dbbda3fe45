"""What is drawn of one connection over the time axis: its states, data, rate, flight, round trip, losses."""

from .axes import (BAR, BYTES, DELAYS, LEFT, PLOT, RATES, STATE_BANDS, Panel, escape, time_text)


def rates(series, end, count):
    """Bits a second in each of `count` spans, of a series that sums up bytes."""
    before, found = 0, []
    for column in series.columns(end, count):
        now = column[3] if column else before
        rate = (now - before) * 8 * count / end if end else 0
        found.append((rate, rate, rate, rate))
        before = now
    return found


def counts(times, end):
    found = [0] * (PLOT // BAR + 1)
    for time in times:
        found[min(int(time / end * PLOT / BAR) if end else 0, len(found) - 1)] += 1
    return found


def quantile(values, share):
    order = sorted(values)
    return order[min(int(len(order) * share), len(order) - 1)] if order else 0


def draw_states(connection, top, bottom):
    """A strip that names the states where there is room, and their colours, paler, behind all panels."""
    out, end = [], connection.end
    spans = []  # a column at a time: what held it the longest
    columns, at, named = [None] * PLOT, 0, set()
    for index, (time, state) in enumerate(connection.states):
        after = connection.states[index + 1][0] if index + 1 < len(connection.states) else end
        first, last = (int(t / end * PLOT) if end else 0 for t in (time, after))
        for at in range(first, min(max(last, first + 1), PLOT)):
            columns[at] = state
    for at, state in enumerate(columns):
        if spans and spans[-1][2] == state:
            spans[-1][1] = at + 1
        else:
            spans.append([at, at + 1, state])
    for first, last, state in spans:
        if state is None:
            continue
        band, x, width = STATE_BANDS.get(state, "level"), LEFT + first, last - first
        shape = f'class="b-{band}" x="{x}" width="{width}"'
        out.append(f'<rect {shape} y="{top}" height="18"><title>{escape(state)}</title></rect>')
        out.append(f'<rect {shape} y="{top + 18}" height="{bottom - top - 18}" opacity=".28"/>')
        name = state.replace("_", " ")
        if width > 7 * len(name) + 6:
            named.add(state)
            out.append(f'<text class="small" x="{x + 5}" y="{top + 13}">{escape(name)}</text>')
    out.append(f'<text class="small" text-anchor="end" x="{LEFT - 7}" y="{top + 13}">state</text>')
    x = LEFT
    for state in sorted({state for _, _, state in spans if state} - named):  # nowhere wide enough for a name
        name, band = state.replace("_", " "), STATE_BANDS.get(state, "level")
        if x + 6.7 * len(name) + 14 > LEFT + PLOT:
            break
        out.append(f'<rect class="b-{band}" x="{x}" y="{top - 15}" width="10" height="10"/>')
        out.append(f'<text class="small" x="{x + 14}" y="{top - 6}">{escape(name)}</text>')
        x += 6.7 * len(name) + 28
    return "".join(out)


def draw_data(connection, top, height):
    series, end, total = connection.series, connection.end, connection.total
    receives = connection.receives
    most = max(total["sent"], total["received"] if receives else 0)
    panel = Panel("Data", top, height, end, most, BYTES)
    names = ("received",) if receives else ("sent", "acked")
    for name in names:
        panel.line("acked" if name == "received" else name, series[name].columns(end, PLOT), "broad")
    legend = [("sent", "sent, with headers and repeats", "line"), ("acked", "acknowledged", "line")]
    panel.legend([("acked", "received, with headers", "line")] if receives else legend)
    return panel


def draw_rate(connection, top, height):
    series, end, total = connection.series, connection.end, connection.total
    receives = connection.receives
    sent = rates(series["received" if receives else "sent"], end, PLOT // 8)
    acked = [] if receives else rates(series["acked"], end, PLOT // 8)
    measured = max((c[2] for c in sent + acked), default=0)
    pacing = min(series["pacing"].most(), 3 * measured) if measured else series["pacing"].most()
    panel = Panel("Rate", top, height, end, max(measured, 0 if receives else pacing), RATES)
    if receives:
        panel.line("acked", sent)
        panel.legend([("acked", "received", "line")])
        return panel
    panel.line("pacing", series["pacing"].columns(end, PLOT), "thin")
    panel.line("sent", sent)
    panel.line("acked", acked, "broad")
    names = [("sent", "sent", "line"), ("acked", "acknowledged", "line")]
    panel.legend([("pacing", "pacing allows", "line")] + names)
    return panel


def draw_flight(connection, top, height):
    series, end = connection.series, connection.end
    most = max(series["flight"].most(), min(series["window"].most(), 4 * series["flight"].most()))
    panel = Panel("In flight", top, height, end, most, BYTES)
    legend = [("flight", "in flight", "line"), ("window", "congestion window", "line")]
    columns = series["allowed"].columns(end, PLOT)
    if series["allowed"].values and min(c[1] for c in columns if c) <= panel.full:
        panel.line("allowed", columns, "thin dash")
        legend.append(("allowed", "receiver allows", "dash"))
    panel.line("flight", series["flight"].columns(end, PLOT))
    panel.line("window", series["window"].columns(end, PLOT), "broad")
    panel.legend(legend)
    return panel


def draw_delay(connection, top, height):
    series, end = connection.series, connection.end
    most = max(quantile(series["latest"].values, 0.999) * 1.1, series["smoothed"].most())
    panel = Panel("Round trip", top, height, end, most, DELAYS)
    panel.line("latest", series["latest"].columns(end, PLOT), "thin")
    panel.line("least", series["least"].columns(end, PLOT), "dash")
    panel.line("smoothed", series["smoothed"].columns(end, PLOT), "broad")
    names = [("smoothed", "smoothed", "line"), ("least", "least", "dash")]
    panel.legend([("latest", "latest", "line")] + names)
    return panel


def draw_losses(connection, top, height):
    end, lost = connection.end, counts(connection.lost, connection.end)
    span = f"packets in {time_text(end * BAR / PLOT)}"
    panel = Panel("Losses", top, height, end, max(max(lost), 4), ((1, span),))
    panel.bars("lost", lost)
    panel.bars("found", counts(connection.found, end))
    for time in connection.probes[:2000]:
        x = panel.x(time)
        panel.out.append(f'<path class="line s-probe" d="M{x:.1f} {top}V{top + height}"/>')
        panel.out.append(f'<path class="f-probe" d="M{x:.1f} {top + 9}l-5 -9h10z"/>')
    for time, text in connection.marks[:500]:
        x = panel.x(time)
        panel.out.append(
            f'<path class="f-mark" d="M{x:.1f} {top + height - 7}l5 7l-5 7l-5 -7z">'
            f"<title>{escape(time_text(time))}: {escape(text)}</title></path>"
        )
    counted = {"lost": "taken for lost", "found": "arrived after all", "probe": "probe timeouts"}
    sums = (connection.lost, connection.found, connection.probes)
    legend = [(name, f"{words}: {len(sum_)}", "box") for (name, words), sum_ in zip(counted.items(), sums)]
    panel.legend(legend + [("mark", "other (point at it)", "box")])
    return panel


# What a receiver sends are acknowledgements: how much of the data is in flight it cannot know.
OF_SENDERS = (draw_flight,)
PANELS = ((draw_data, 150), (draw_rate, 170), (draw_flight, 190), (draw_delay, 170), (draw_losses, 100))

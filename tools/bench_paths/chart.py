"""One SVG: for each link a bar a competitor, as a share of what the link can carry, and a mark at what is
asked of the first. Text and shapes only, so that any browser and any viewer shows it."""
from bench_shared import svg
from bench_shared.svg import box, line, text

COLOURS = ["#1f6fb4", "#9aa5b1", "#cfd6dd"]
LABEL_X, BAR_X, BAR_WIDTH, WIDTH = 330, 350, 480, 900
BAR_HEIGHT, GROUP_GAP, TOP = 15, 18, 90


def group(y, title, least, shares):
    """The bars of one link. A share that was not measured has no bar, and says so."""
    height = BAR_HEIGHT * len(shares)
    yield text(LABEL_X, y + height / 2 + 5, title, "end")
    for i, share in enumerate(shares):
        bar_y = y + i * BAR_HEIGHT
        if share is None:
            yield text(BAR_X + 6, bar_y + 12, "not measured", size=11, colour="#888")
            continue
        width = BAR_WIDTH * min(share, 1)
        yield box(BAR_X, bar_y + 1, width, BAR_HEIGHT - 2, COLOURS[i])
        yield text(BAR_X + BAR_WIDTH + 10, bar_y + 12, "%.1f%%" % (100 * share), size=11,
                   weight="bold" if i == 0 else "normal")
    x = BAR_X + BAR_WIDTH * least
    yield line(x, y - 2, x, y + BAR_HEIGHT + 1, "#c0392b", 2.5)


def write(path, bars, names):
    """bars: (title, share asked of the first, [share or None]) each."""
    group_height = BAR_HEIGHT * len(names) + GROUP_GAP
    bottom = TOP + group_height * len(bars)
    out = [text(24, 32, "Share of what the link can carry, in payload", size=18, weight="bold")]
    x = 24
    for name, colour in zip(names, COLOURS):
        out += [box(x, 49, 14, 14, colour), text(x + 20, 61, name)]
        x += 45 + 8 * len(name)
    out += [line(x + 6, 48, x + 6, 65, "#c0392b", 2.5), text(x + 18, 61, "asked of " + names[0])]
    for percent in range(0, 101, 20):
        at = BAR_X + BAR_WIDTH * percent / 100
        out += [line(at, TOP - 8, at, bottom - GROUP_GAP + 8, "#eceff2", 1),
                text(at, bottom + 14, "%d%%" % percent, "middle", 11, "#666")]
    for i, (title, least, shares) in enumerate(bars):
        out += group(TOP + i * group_height, title, least, shares)
    svg.write(path, WIDTH, bottom + 40, out)

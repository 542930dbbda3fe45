"""One SVG: for each work a bar a competitor, its time as a share of the one it is compared with, and a mark at
what is asked. What takes more than four times as long has a bar that breaks off, and its number."""
from bench_shared import svg
from bench_shared.svg import box, line, text

OURS, OTHERS, MARK = "#1f6fb4", "#9aa5b1", "#c0392b"
LABEL_X, BAR_X, BAR_WIDTH, WIDTH, RATIO_MAX = 190, 200, 520, 900, 4.0
BAR_HEIGHT, TITLE_HEIGHT, GAP, TOP = 17, 26, 16, 84


def group(y, title, reference, bars):
    yield text(24, y + 14, "%s (1.0: %s)" % (title, reference), size=13, weight="bold")
    for i, (name, seconds, ratio, bound) in enumerate(bars):
        bar_y = y + TITLE_HEIGHT + i * BAR_HEIGHT
        is_ours = name.startswith("udpcp")
        width = BAR_WIDTH * min(ratio, RATIO_MAX) / RATIO_MAX
        yield text(LABEL_X, bar_y + 12, name, "end", 12)
        yield box(BAR_X, bar_y + 1, width, BAR_HEIGHT - 3, OURS if is_ours else OTHERS)
        if ratio > RATIO_MAX:
            yield line(BAR_X + width - 12, bar_y, BAR_X + width - 6, bar_y + BAR_HEIGHT, "#fff", 3)
        yield text(BAR_X + BAR_WIDTH + 10, bar_y + 12, "%.2f   %.3f s" % (ratio, seconds), size=11,
                   weight="bold" if is_ours else "normal")
        if bound is not None:
            x = BAR_X + BAR_WIDTH * bound / RATIO_MAX
            yield line(x, bar_y - 1, x, bar_y + BAR_HEIGHT - 1, MARK, 2.5)


def write(path, groups):
    """groups: (title, name of the reference, [(name, seconds, ratio, ratio asked or None)]) each."""
    heights = [TITLE_HEIGHT + BAR_HEIGHT * len(bars) + GAP for _, _, bars in groups]
    bottom = TOP + sum(heights)
    out = [text(24, 32, "Time for the same work, as a ratio; shorter is better", size=18, weight="bold"),
           box(24, 49, 14, 14, OURS), text(44, 61, "udpcp"), box(104, 49, 14, 14, OTHERS),
           text(124, 61, "others"), line(190, 48, 190, 65, MARK, 2.5), text(200, 61, "asked at most")]
    for tick in range(0, int(RATIO_MAX) + 1):
        at = BAR_X + BAR_WIDTH * tick / RATIO_MAX
        out += [line(at, TOP - 6, at, bottom - GAP + 4, "#eceff2", 1),
                text(at, bottom + 8, "%d" % tick, "middle", 11, "#666")]
    y = TOP
    for (title, reference, bars), height in zip(groups, heights):
        out += group(y, title, reference, bars)
        y += height
    svg.write(path, WIDTH, bottom + 30, out)

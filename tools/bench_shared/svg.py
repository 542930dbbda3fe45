"""The few shapes charts are made of: text and rectangles only, so that any browser and viewer shows them."""
from xml.sax.saxutils import escape


def text(x, y, words, anchor="start", size=13, colour="#222", weight="normal"):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s" font-weight="%s">%s</text>' % (
        x, y, anchor, size, colour, weight, escape(words))


def box(x, y, width, height, colour):
    return '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (x, y, width, height, colour)


def line(x1, y1, x2, y2, colour, width):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>' % (
        x1, y1, x2, y2, colour, width)


def write(path, width, height, shapes):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
           'font-family="sans-serif">' % (width, height, width, height), box(0, 0, width, height, "#fff")]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out + list(shapes) + ["</svg>"]) + "\n")

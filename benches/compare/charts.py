"""The charts as SVG, readable on light and dark pages."""

import math
from html import escape

STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px } .faint { fill: #59636e; font-size: 11px }
.grid { stroke: #d1d9e0; stroke-width: 1 } .ours { fill: #0a7d50 } .ring { fill: #8c959f } .peer { fill: #4c7fd0 }
.line { fill: none; stroke: #0a7d50; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d }
  .ours { fill: #3fc98d } .ring { fill: #6e7781 } .peer { fill: #6ea2f0 } .line { stroke: #3fc98d }
}
</style>"""
SCALE = "Median microseconds a request, logarithmic. Green: countersign; grey: the signature alone; blue: peers."
LABELS, BARS, BAR = 350, 440, 20


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, STYLE, *parts, "</svg>", ""])


def text(x, y, words, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(words)}</text>'


def line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="grid"/>'


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 1 else f"{number:.2f}"


def compare(lines, titles, caption, scale=SCALE):
    """One bar a peer, on a logarithmic scale. A line may name its `kind`: ours, ring or peer."""
    lines = [one for one in lines if one.get("median") and one["row"] in titles]
    times = [float(one["median"]) for one in lines]
    low = math.floor(math.log10(min(times)) * 2) / 2
    high = math.ceil(math.log10(max(times)) * 2) / 2

    def place(value):
        return LABELS + (math.log10(value) - low) / (high - low) * BARS

    y, parts = 22, [text(8, 22, f"{scale} {caption}", "faint")]
    for row, title in titles.items():
        peers = [one for one in lines if one["row"] == row]
        if not peers:
            continue
        y += 34
        parts.append(text(8, y, title, "title"))
        top = y + 8
        bottom = top + BAR * len(peers)
        for power in range(math.ceil(low), math.floor(high) + 1):
            parts.append(line(place(10**power), top, place(10**power), bottom))
            parts.append(text(place(10**power), bottom + 12, f"{10.0**power:g}", "faint", "middle"))
        for number, one in enumerate(peers):
            median, name = float(one["median"]), one["peer"]
            known = name.split(",")[0] if name.startswith(("countersign", "ring")) else "peer"
            kind, y = one.get("kind") or {"countersign": "ours"}.get(known, known), top + BAR * number
            end = place(median)
            bar = f'width="{end - LABELS:.1f}" height="{BAR - 5}" rx="2" class="{kind}"'
            parts.append(f'<rect x="{LABELS}" y="{y + 2}" {bar}/>')
            parts.append(text(LABELS - 8, y + 14, name, "", "end"))
            parts.append(text(end + 6, y + 14, short(median)))
        y = bottom + 12
    return svg(LABELS + BARS + 70, y + 14, parts)


def growth(lines, caption):
    """Curves over n and two pairs of bars."""
    charts = {}
    for one in lines:
        if one["row"].startswith("growth: "):
            value = one["best"] if one["unit"] == "a second" else one["median"]
            charts.setdefault(one["row"].removeprefix("growth: "), []).append((int(one["n"]), float(value)))
    parts = [text(8, 22, f"How costs grow. {caption}", "faint")]
    parts += curve(charts["cached tokens"], 60, 40, "A decision on one of n cached tokens, µs")
    parts += curve(charts["keys of an issuer"], 480, 40, "Finding one of n keys of an issuer by kid, µs")
    parts += curve(charts["loading trust domains"], 60, 310, "Loading a policy of n trust domains, ms", logarithmic=True)
    parts += curve(charts["new token by trust domains"], 480, 310, "A new token of one of n trust domains, µs")
    parts += curve(charts["update by trust domains"], 60, 580, "Another bundle for one of n trust domains, µs")
    y = 850
    for chart in ("cached tokens a second", "new tokens a second"):
        most = max(rate for _, rate in charts[chart])
        parts.append(text(8, y, f"{chart[0].upper()}{chart[1:]}, by threads, best round", "title"))
        for threads, rate in charts[chart]:
            y += BAR
            width = rate / most * BARS
            parts.append(text(52, y, str(threads), "", "end"))
            parts.append(f'<rect x="60" y="{y - 12}" width="{width:.1f}" height="{BAR - 5}" rx="2" class="ours"/>')
            parts.append(text(66 + width, y, f"{rate:,.0f}"))
        y += 32
    return svg(860, y, parts)


def nice(step):
    """The next larger one of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(step))
    return next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= step)


def curve(points, left, top, title, logarithmic=False):
    width, height = 340, 190
    most_x = max(math.log10(n) for n, _ in points)
    values = [value for _, value in points]
    if logarithmic:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.5))
        ticks = [10.0**power for power in range(low, high + 1)]

        def share(value):
            return (math.log10(value) - low) / (high - low)
    else:
        step = nice(max(values) * 1.15 / 4)
        ticks = [step * number for number in range(5)]

        def share(value):
            return value / ticks[-1]

    def place(value):
        return top + 20 + height - share(value) * height

    at = [(left + math.log10(n) / most_x * width, place(value)) for n, value in points]
    parts = [text(left, top + 6, title, "title")]
    for tick in ticks:
        y = place(tick)
        parts += [line(left, y, left + width, y), text(left - 6, y + 4, f"{tick:g}", "faint", "end")]
    for (n, value), (x, y) in zip(points, at, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="ours"/>')
        parts.append(text(x + (n == 1) * 14, y - 9, short(value), "", "middle"))
        parts.append(text(x, top + 20 + height + 16, f"{n:,}", "faint", "middle"))
    road = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    return [*parts, f'<polyline points="{road}" class="line"/>']

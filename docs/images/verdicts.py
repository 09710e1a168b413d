"""Draw the picture of the five verdicts: python docs/images/verdicts.py

Writes verdicts.svg beside this file: an invented interval for each verdict, against a margin of 1 point.
"""

from pathlib import Path

MARGIN = 1.0
WIDTH, ROW, TOP, LEFT, RIGHT, LOW, HIGH = 800, 46, 34, 130, 500, -4.0, 4.0
EXAMPLES = (
    ("helps", "#00735c", 1.9, 0.6, 3.2, "above 0: worth its cost?"),
    ("hurts", "#b34700", -2.0, -3.3, -0.7, "below 0: leave it out"),
    ("no difference", "#2c5aa0", 0.1, -0.6, 0.8, "all within the margin: leave it out"),
    ("not shown", "#545c68", 0.8, -1.3, 2.9, "cannot tell: more seeds or images"),
    ("not tested", "#545c68", 0.1, -0.4, 0.6, "too short for its gate: train on"),
)
"""Verdict, colour, mean, low and high ends in points, and what they mean."""


def x(value: float) -> float:
    """Return the position of a difference in points."""
    return round(LEFT + (value - LOW) / (HIGH - LOW) * (RIGHT - LEFT), 1)


def row(number: int) -> list[str]:
    verdict, color, mean, low, high, meaning = EXAMPLES[number]
    y = TOP + ROW * number + ROW / 2
    dash = ' stroke-dasharray="4 4"' if verdict == "not tested" else ""
    fill = "#ffffff" if verdict == "not tested" else color
    return [
        f'<text x="16" y="{y + 5}" font-weight="600" fill="{color}">{verdict}</text>',
        f'<g stroke="{color}" stroke-width="2.5">',
        f'<line x1="{x(low)}" x2="{x(high)}" y1="{y}" y2="{y}"{dash}/>',
        *(f'<line x1="{x(end)}" x2="{x(end)}" y1="{y - 5}" y2="{y + 5}"/>' for end in (low, high)),
        f'<circle cx="{x(mean)}" cy="{y}" r="6" fill="{fill}"/>',
        "</g>",
        f'<text x="{RIGHT + 16}" y="{y + 5}" fill="#3a4048">{meaning}</text>',
    ]


def main() -> None:
    bottom = TOP + ROW * len(EXAMPLES)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 62}" '
        'font-family="system-ui, sans-serif" font-size="14" role="img">',
        "<title>Five intervals against the margin, one for each verdict</title>",
        '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
        f'<rect x="{x(-MARGIN)}" y="{TOP}" width="{round(x(MARGIN) - x(-MARGIN), 1)}" '
        f'height="{bottom - TOP}" fill="#e6eef8"/>',
        f'<text x="{x(0)}" y="{TOP - 12}" text-anchor="middle" fill="#2c5aa0">margin ±1</text>',
        f'<line x1="{x(0)}" x2="{x(0)}" y1="{TOP}" y2="{bottom}" stroke="#9aa1ab" stroke-width="1.5"/>',
    ]
    for number in range(len(EXAMPLES)):
        lines += row(number)
    for tick in (-3, -2, -1, 0, 1, 2, 3):
        label = f"{tick:+d}".replace("-", "−") if tick else "0"
        lines.append(
            f'<text x="{x(tick)}" y="{bottom + 20}" text-anchor="middle" fill="#5c6470">{label}</text>'
        )
    lines += [
        f'<text x="{x(LOW)}" y="{bottom + 44}" fill="#5c6470">← worse</text>',
        f'<text x="{x(0)}" y="{bottom + 44}" text-anchor="middle" fill="#5c6470">difference, points</text>',
        f'<text x="{x(HIGH)}" y="{bottom + 44}" text-anchor="end" fill="#5c6470">better →</text>',
        "</svg>",
    ]
    target = Path(__file__).with_suffix(".svg")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()

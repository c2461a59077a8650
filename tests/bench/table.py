"""Aligned tables for people: the first column to the left, the others to the right."""


def show(title, header, rows, notes=()):
    cells = [header] + [[text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        line = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(line).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
    for note in notes:
        print("  " + note)


def text(cell):
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)


def verdict(value, limit):
    """`value` against an upper limit, in words."""
    if value is None:
        return "not measured"
    return "reached" if value <= limit else "NOT reached"

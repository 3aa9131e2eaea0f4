#!/usr/bin/env python3
"""Draws what a command prints on a terminal: tools/picture.py OUT.svg COLUMNS ROWS COMMAND..."""

import fcntl
import html
import os
import pty
import re
import struct
import sys
import termios

CELL_W, CELL_H, PAD = 8.4, 18, 14
COLORS = {"31": "#ff6b6b", "32": "#69db7c", "33": "#ffd43b", "36": "#66d9e8"}


def output_of(command, columns, rows):
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(command[0], command)
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.waitpid(pid, 0)
    return text.decode("utf-8", "replace").replace("\r", "")


def spans(line):
    """Splits a line into (text, colour, bold) by its SGR sequences."""
    color, bold = "#dee2e6", False
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b"):
            if part:
                yield part, color, bold
            continue
        for code in part[2:-1].split(";"):
            if code in ("", "0", "39"):
                color = "#dee2e6"
                bold = bold and code == "39"
            elif code == "1":
                bold = True
            elif code.startswith("38") or code in COLORS:
                color = COLORS.get(code, color)
    # comfy-table writes 256-colour codes as 38;5;N: 9 red, 10 green, 11 yellow


def main():
    target, columns, rows, command = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    text = output_of(command, columns, rows)
    for number, code in (("9", "31"), ("10", "32"), ("11", "33"), ("14", "36")):
        text = text.replace(f"\x1b[38;5;{number}m", f"\x1b[{code}m")
    lines = text.rstrip("\n").split("\n")[:rows]
    width, height = columns * CELL_W + 2 * PAD, len(lines) * CELL_H + 2 * PAD
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        '<rect width="100%" height="100%" rx="8" fill="#1a1b26"/>',
    ]
    for row, line in enumerate(lines):
        column = 0
        for part, color, bold in spans(line):
            weight = ' font-weight="bold"' if bold else ""
            x, y = PAD + column * CELL_W, PAD + (row + 0.75) * CELL_H
            length = len(part) * CELL_W
            if part.strip():
                out.append(
                    f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}"{weight} xml:space="preserve" '
                    f'textLength="{length:.1f}">{html.escape(part)}</text>'
                )
            column += len(part)
    out.append("</svg>")
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


main()

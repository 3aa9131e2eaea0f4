#!/usr/bin/env python3
"""Writes data/oui-ieee.tsv: every address block of the IEEE registries that data/oui.tsv lacks.

    npm pack oui-data@2.1.9 && tar xzf oui-data-2.1.9.tgz
    fingerprints/tools/ieee.py package/index.json 2.1.9 2026-11-22
"""

import collections
import json
import pathlib
import sys

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
# Blocks of these holders name nobody: the registry's own (split into smaller blocks), and secret ones.
NOBODY = {"IEEE Registration Authority", "Private"}


def main(index: str, version: str, date: str) -> None:
    known = {line.split("\t")[0] for line in (DATA / "oui.tsv").read_text().splitlines() if line[0] != "#"}
    blocks = collections.defaultdict(list)
    for prefix, address in json.loads(pathlib.Path(index).read_text()).items():
        organisation = " ".join(address.split("\n")[0].split())
        if organisation and organisation not in NOBODY and prefix not in known:
            blocks[organisation].append(prefix)
    with (DATA / "oui-ieee.tsv").open("w") as out:
        out.write("# All other address blocks: organisation, and its prefixes.\n")
        out.write(f"# Source: the IEEE registries MA-L, MA-M and MA-S, by npm package oui-data {version}\n")
        out.write("# (BSD-2-Clause), with fingerprints/tools/ieee.py.\n")
        out.write(f"# date: {date}\n")
        for organisation in sorted(blocks):
            out.write(f"{organisation}\t{' '.join(sorted(blocks[organisation]))}\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

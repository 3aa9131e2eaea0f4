#!/usr/bin/env python3
"""Fills a store of ours with a large site: 50,000 devices on 1,000 switches, 100,000 findings, 20,000 streams.

large_store.py REPORT.json STORE    REPORT is what replay wrote: its devices and findings are the patterns.
The tables are the store's own, so that a store of another form fails here."""

import datetime
import json
import sqlite3
import sys

DEVICES, FINDINGS, STREAMS, PER_SWITCH = 50_000, 100_000, 20_000, 50
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


def main(report, store):
    report = json.load(open(report))
    db = sqlite3.connect(f"{store}/spanwatch.db")
    db.execute("PRAGMA synchronous = OFF")
    # The store was made just now: what is shown of streams is their last day before that.
    end, = db.execute("SELECT max(until) / ? * ? FROM sessions", (SECOND, SECOND)).fetchone()
    began = end - 30 * 24 * HOUR
    db.execute("INSERT INTO sessions (began, until, version) VALUES (?, ?, 'bench')", (began, end))
    cut = {"identity": 2, "services": 2, "tls": 0, "profiles": 0, "history": 0}
    patterns = [it | {key: it.get(key, [])[:most] for key, most in cut.items()} for it in report["devices"]]
    ids = []
    for number in range(DEVICES):
        device = dict(patterns[number % len(patterns)])
        mac = "02:%02x:%02x:%02x:%02x:01" % (number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255)
        ids.append(mac)
        switch = number // PER_SWITCH
        device |= {"id": mac, "mac": mac, "ips": [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"],
                   "name": f"Camera {number:05}", "kind": ["camera", "recorder", "access-controller"][number % 3],
                   "switch": {"id": f"sw-{switch:04}", "name": f"sw-{switch:04}", "port": f"ge{number % PER_SWITCH}",
                              "source": "inventory", "confidence": 0.9}}
        device.pop("aliases", None)
        state = "offline" if number % 100 == 0 else "unknown" if number % 25 == 0 else "online"
        row = (number + 1_000_000, mac, mac, device["kind"], state, began, end, 1, 1, 1)
        db.execute("INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
        db.execute("INSERT INTO documents VALUES (?, ?)", (row[0], json.dumps(device)))
        db.execute("INSERT INTO availability VALUES (?, ?, NULL, ?, NULL)", (row[0], began, state))
    patterns = [it | {"evidence": it["evidence"][:2]} for it in report["findings"]]
    for number in range(FINDINGS):
        pattern = patterns[number % len(patterns)]
        at = end - number * 20 * SECOND
        text = datetime.datetime.fromtimestamp(at / SECOND, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        ended = at if number % 4 == 0 else None
        finding = pattern | {"id": f"{number * 2654435761 % 2**64:016x}", "devices": [ids[number * 7 % DEVICES]],
                             "first_seen": text, "detected": text, "last_seen": text, "supersedes": []}
        finding.pop("ended", None)
        if ended:
            finding["ended"] = text
        status = ("acknowledged", "ada") if number % 500 == 0 else ("new", "spanwatch")
        db.execute(
            "INSERT INTO findings (id, kind, category, severity, owner, subject, title, first_seen, last_seen, ended, count,"
            " status, status_at, status_by, status_count, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, 1, ?)",
            (finding["id"], finding["kind"], finding["category"], finding["severity"], finding["owner"],
             finding["devices"][0], finding["title"], at, at, ended, status[0], at, status[1], json.dumps(finding)))
    for number in range(STREAMS):
        db.execute("INSERT INTO streams VALUES (?, ?, ?, 'udp', 96, ?)", (number, ids[number], ids[number // 64 * 64 + 1], end))
        sums = ((3_600, end - end % HOUR - hour * HOUR, number, 1_000_000, 1_000_000_000, number % 7, 900) for hour in range(3))
        db.executemany("INSERT INTO stream_sums VALUES (?, ?, ?, ?, ?, ?, ?)", sums)
    db.commit()


main(*sys.argv[1:])

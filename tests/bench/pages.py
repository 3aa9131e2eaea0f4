#!/usr/bin/env python3
"""How long the pages of a large site take: `pages.py SPANWATCH`, a part of `make bench`.

A store of 50,000 devices and 100,000 findings (large_store.py) is served while a watch writes to it what a cable of a namespace
brings. READERS pages are open at a time, five in each browser; each shows a list, is looked at for a second, and shows the next.
Printed are the median and the 99th percentile of each list from the first byte asked to the last one answered, and how long the
first page takes in Chromium until it can be used. Readers use processors too. Needs root.
"""

import asyncio
import http.cookiejar
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import watch as cable

READERS, SECONDS, LOOKS_S = 50, 60, 1.0
RATE = 2_000
LISTS = ["/", "/devices", "/devices?sort=name", "/devices?page=250", "/devices?q=camera&switch=sw-0001", "/streams",
         "/streams?show=lossy", "/network", "/findings", "/findings?category=incident&state=open", "/findings?q=power&owner=it",
         "/audit", "/api/v1/devices", "/api/v1/findings"]
ROOT = pathlib.Path(__file__).parents[2]
PASSWORD = "four doors of oak"


def main(spanwatch):
    with tempfile.TemporaryDirectory(prefix="spanwatch-bench-") as folder:
        store, capture = f"{folder}/store", f"{folder}/site.pcapng"
        run = lambda *argv: subprocess.run([spanwatch, *argv, "--no-progress"], check=True, stdout=subprocess.PIPE)
        run("simulate", "-w", capture, "--devices=50", "--length=60s", "--bit-rate=20000", "--frame-rate=5")
        server, url, said = serve(spanwatch, str(ROOT / "pcaps/discovery.pcap"), "--store", store)
        cookie = enter(url, re.search(r"key=(\S+)", said)[1])
        server.send_signal(signal.SIGINT)
        server.wait()
        report = f"{folder}/report.json"
        run("replay", str(ROOT / "pcaps/site-six-behind-a-switch.pcapng"), "--format=json", "-o", report)
        subprocess.run([sys.executable, ROOT / "tests/bench/large_store.py", report, store], check=True)
        cable.ip("netns", "add", cable.NAMESPACE)
        try:
            measure(spanwatch, store, cable.read(capture))
        finally:
            cable.ip("netns", "delete", cable.NAMESPACE)


def measure(spanwatch, store, frames):
    cable.inside(*"ip link add a0 type veth peer name b0".split())
    for port in ("a0", "b0"):
        cable.inside("sysctl", "-qw", f"net/ipv6/conf/{port}/disable_ipv6=1")
        cable.inside("ip", "link", "set", port, "up", "arp", "off")
    argv = ["ip", "netns", "exec", cable.NAMESPACE, spanwatch, "watch", "-i", "b0", "--store", store, "--format=jsonl"]
    watching = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cable.SECONDS = SECONDS + 120
    sending, _ = cable.sender(frames, RATE)
    begun = time.monotonic()
    server, url, _ = serve(spanwatch, "--store", store)
    print(f"50,000 devices and 100,000 findings are read in {time.monotonic() - begun:.1f} s.")
    try:
        cookies = [enter(url) for _ in range(READERS // 5)] * 5
        took = asyncio.run(read_all(url, cookies))
        print(f"\n{READERS} readers for {SECONDS} s, a page a second each; {RATE:,} packets a second are watched.\n")
        print("| page | answers | median, ms | 99th percentile, ms |\n| --- | ---: | ---: | ---: |")
        for path, times in took.items():
            print(f"| `{path}` | {len(times)} | {statistics.median(times):.1f} | {percentile(times):.1f} |")
        every = [ms for times in took.values() for ms in times]
        print(f"| all | {len(every)} | {statistics.median(every):.1f} | {percentile(every):.1f} |\n", flush=True)
        browsed = subprocess.run(["node", "interactive.mjs", url, cookies[0]], cwd=ROOT / "tests/web", text=True,
                                 stdout=subprocess.PIPE)
        print(browsed.stdout or "No browser: make install-test")
    finally:
        for process in (server, watching):
            process.send_signal(signal.SIGINT)
            process.wait()
        os.kill(sending, signal.SIGTERM)
        os.waitpid(sending, 0)


def percentile(times):
    return sorted(times)[int(len(times) * 0.99)]


def serve(spanwatch, *argv):
    """A server, where it is, and what it said."""
    argv = [spanwatch, "serve", "--no-progress", "--listen=127.0.0.1:0", *argv]
    server = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    said = ""
    while "pages at" not in said:
        line = server.stderr.readline()
        if not line:
            sys.exit(f"It ended: {said}")
        said += line
    return server, re.search(r"pages at (http://[^/ ]+)", said)[1], said


def enter(url, key=None):
    """The cookie of who logs in; with a key of who is the first."""
    jar = http.cookiejar.CookieJar()
    web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = {"name": "ada", "password": PASSWORD} | ({"key": key, "again": PASSWORD} if key else {})
    web.open(url + ("/welcome" if key else "/login"), urllib.parse.urlencode(form).encode()).read()
    return "; ".join(f"{it.name}={it.value}" for it in jar)


async def read_all(url, cookies):
    took = {path: [] for path in LISTS}
    until = time.monotonic() + SECONDS
    await asyncio.gather(*(reader(url.removeprefix("http://"), cookie, until, took) for cookie in cookies))
    return took


async def reader(address, cookie, until, took):
    host, port = address.split(":")
    await asyncio.sleep(random.random() * LOOKS_S)
    number = random.randrange(len(LISTS))
    inward, out = await asyncio.open_connection(host, port)
    while time.monotonic() < until:
        path = LISTS[number % len(LISTS)]
        number += 1
        begun = time.monotonic()
        out.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n".encode())
        head = (await inward.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200"), (path, head)
        await inward.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
        took[path].append((time.monotonic() - begun) * 1_000)
        await asyncio.sleep(LOOKS_S)
    out.close()


if __name__ == "__main__":
    main(sys.argv[1])

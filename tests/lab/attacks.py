#!/usr/bin/env python3
"""A site on which tools that others wrote attack devices and use weak ones, captured at its mirror port.

    attacks.py run OUT.pcapng TRUTH.json [--all] [--only TEXT]   what attacks.toml says; without --all not its `long` steps
    attacks.py doctor                                           say what this machine lacks

All hosts hang on one switch, in namespaces as those of lab.py are. Each step runs its tool inside the host it comes from and must say
what the table has it say. TRUTH holds who is who and which findings are due, and was written before any report is read.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import boot
import capture
import needs
import net
import plan

HERE = Path(__file__).resolve().parent
TABLE = tomllib.loads((HERE / "attacks.toml").read_text())
NETWORK = "192.0.2"
# Behind the gateway, off the mirror: an address that no site gives out by itself (RFC 2544).
FAR = "198.18.0.7"
FIRST_PORT = 10
STEP_LIMIT_S = 75
READY_LIMIT_S = 30
SETTLES_S = 4
GUESSES = "".join(f"guess-{number}\n" for number in range(40))
PROGRAMS = (
    "arpspoof busybox curl dnsmasq dropbear dumpcap faketime ffprobe hydra keepalived mosquitto mosquitto_pub nmap openssl pure-ftpd pure-pw"
    " snmpd snmpwalk socat sshd ssh ssh-keygen telnet telnetd tnftp udhcpc udhcpd"
).split()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor")
    run = commands.add_parser("run")
    run.add_argument("out", type=Path)
    run.add_argument("truth", type=Path)
    run.add_argument("--all", action="store_true")
    run.add_argument("--only", default="")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if said := lacking():
        print("\n".join(said))
        return 1
    if arguments.command == "doctor":
        return 0
    net.enter("attacks")
    net.RUN_DIR.mkdir(parents=True, exist_ok=True)
    wanted = [step for step in TABLE["step"] if arguments.only in step["name"] and (arguments.all or not step.get("long"))]
    try:
        failed = attack(wanted, arguments)
    finally:
        net.remove_all()
    print("\n".join(failed))
    return 1 if failed else 0


def lacking() -> list[str]:
    """One sentence for each thing that is missing; empty where the site can run."""
    if said := needs.lacking():
        return said
    missing = [name for name in PROGRAMS if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    zeep = subprocess.run([boot.PYTHON, "-c", "import zeep"], capture_output=True)
    return [f"Missing: {' '.join([*missing, *(['python3-zeep'] if zeep.returncode else [])])}"] if missing or zeep.returncode else []


def attack(steps: list[dict], arguments: argparse.Namespace) -> list[str]:
    """Builds the site, lets all steps happen, and writes capture and truth; gives a sentence for each step that did not happen."""
    hosts = [Host(row, port) for port, row in enumerate(present(steps), FIRST_PORT)]
    build(hosts)
    for host in hosts:
        host.set_up()
    threads = [threading.Thread(target=host.serve) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed := [host.name for host in hosts if not host.is_ready]:
        return [f"{name} does not serve; see {net.RUN_DIR / name}" for name in failed]
    mirror = capture.Capture()
    named = {host.name: host for host in hosts}
    for host in hosts:
        host.announce()
    runs = [Run(step, named) for step in steps]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    time.sleep(SETTLES_S)
    mirror.stop(arguments.out)
    arguments.truth.write_text(json.dumps(truth(hosts, steps), indent=1) + "\n")
    return [complaint for run in runs for complaint in [run.complaint()] if complaint]


def present(steps: list[dict]) -> list[dict]:
    """The hosts that these steps take, and those that are always there."""
    names = {name for step in steps for name in (step["from"], step["at"], *step.get("needs", []))}
    return [row for row in TABLE["host"] if row.get("core") or row["name"] in names]


def build(hosts: list["Host"]) -> None:
    core = plan.switch(plan.CORE)
    plan.SWITCHES[:] = [core]
    plan.DEVICES[:] = [
        plan.Device(host.name, "", "", "", host.row["mac"], host.ip, plan.CORE, f"ge{host.port}") for host in hosts
    ]
    if net.existing():
        net.remove_all()
    net.build()
    net.add_namespace("internet")
    net.plug(("gateway", "eth1", "02:00:00:00:01:01"), ("internet", "eth0", "02:00:00:00:01:02"))
    net.ip_batch("gateway", ["link set eth1 up", "address add 198.18.0.1/24 dev eth1"])
    net.ip_batch("internet", ["link set eth0 up", f"address add {FAR}/24 dev eth0", "route add default via 198.18.0.1"])
    net.set_sysctl("gateway", "net/ipv4/ip_forward", "1")
    pages = net.RUN_DIR / "internet"
    pages.mkdir(exist_ok=True)
    (pages / "index.html").write_text("<p>a page</p>\n")
    net.start("internet", ["busybox", "httpd", "-f", "-p", "80", "-h", str(pages)], "internet.log")
    time.sleep(net.STP_READY_S)


class Host:
    """A host of the table, in a namespace of its own."""

    def __init__(self, row: dict, port: int) -> None:
        self.row, self.port, self.name = row, port, row["name"]
        self.ip, self.dir = f"{NETWORK}.{row['ip']}", net.RUN_DIR / row["name"]
        self.is_ready = False

    def filled(self, text: str, at: "Host | None" = None, others: dict[str, "Host"] | None = None) -> str:
        """A text of the table with its places filled in."""
        words = {"ip": (at or self).ip, "dir": str(self.dir), "lab": str(HERE), "guesses": GUESSES}
        words |= {name: host.ip for name, host in (others or {}).items()}
        return re.sub(r"\{([\w.-]+)\}", lambda found: words.get(found[1], found[0]), text)

    def set_up(self) -> None:
        """Its address, and its files."""
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        self.write(self.row.get("files", {}))
        if not self.row.get("unaddressed"):
            way = [] if self.name == "gateway" else [f"route add default via {NETWORK}.1"]
            net.ip_batch(self.name, [f"address add {self.ip}/24 brd + dev eth0", *way])

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.dir / name).write_text(self.filled(text))

    def serve(self) -> None:
        """Starts what it serves, and waits until it does."""
        for command in self.row.get("setup", []):
            subprocess.run(["sh", "-c", self.filled(command)], capture_output=True, stdin=subprocess.DEVNULL)
        environment = [f"{name}={self.filled(value)}" for name, value in self.row.get("environment", {}).items()]
        for command in self.row.get("serve", []):
            net.start(self.name, ["env", *environment, "sh", "-c", "exec " + self.filled(command)], f"{self.name}/log")
        end = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < end:
            listening = net.inside(self.name, "ss", "-Hltn")
            if all(f":{port} " in listening for port in self.row.get("ready", [])):
                self.is_ready = True
                return
            time.sleep(0.3)

    def announce(self) -> None:
        """Says who it is, as a host does that starts."""
        if not self.row.get("unaddressed"):
            net.inside(self.name, "busybox", "arping", "-q", "-U", "-c", "1", "-I", "eth0", self.ip)


class Run(threading.Thread):
    """One step as it happens."""

    def __init__(self, step: dict, hosts: dict[str, Host]) -> None:
        super().__init__()
        self.step, self.hosts, self.said, self.took_s = step, hosts, "", 0.0

    def run(self) -> None:
        host = self.hosts[self.step["from"]]
        time.sleep(self.step.get("after_s", 0))
        host.write(self.step.get("files", {}))
        command = host.filled(self.step["run"], self.hosts.get(self.step["at"]), self.hosts)
        begun = time.monotonic()
        argv = ["ip", "netns", "exec", net.PREFIX + host.name, "timeout", str(STEP_LIMIT_S), "sh", "-c", command]
        # A file and no pipe: what a step leaves running may hold that open.
        said = host.dir / f"{self.step['name']}.said"
        with said.open("wb") as out:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=host.dir)
        self.took_s = time.monotonic() - begun
        self.said = said.read_text(errors="replace")
        print(f"attacks: {self.took_s:.0f} s: {self.step['tool']}: {self.step['name']}", file=sys.stderr, flush=True)

    def complaint(self) -> str | None:
        """A sentence where its tool did not do what it was to do."""
        if re.search(self.step["says"], self.said):
            return None
        return f"{self.step['tool']} ({self.step['name']}) did not say {self.step['says']!r}: {self.said[-300:]!r}"


def truth(hosts: list[Host], steps: list[dict]) -> dict:
    """Who is who, and what is due of each step."""
    due = [
        {"step": step["name"], "kind": kind, "devices": devices}
        for step in steps
        for kind, devices in step.get("expect", {}).items()
    ]
    told = {host.name: {"mac": host.row["mac"], "ip": host.ip} for host in hosts}
    return {"schema": "spanwatch/lab-attacks/1", "hosts": told, "steps": [step["name"] for step in steps], "due": due}


if __name__ == "__main__":
    sys.exit(main())

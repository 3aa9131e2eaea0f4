"""Records dialogues between programs: each side in a network namespace of its own, made for it and removed after.

Needs iproute2, ethtool and tcpdump, and root.
"""

import os
import subprocess
import time

SERVER, CLIENT = "192.0.2.7", "192.0.2.9"


def record(out, servers, dialogues, stop):
    """Starts `servers`, holds `dialogues` (a command, and for how many seconds at most) one after the other, and
    writes what went to and fro to `out`. Who is not done in time gets the signal `stop`."""
    mark = os.getpid()
    ends = ((f"spana{mark}", f"va{mark}", SERVER), (f"spanb{mark}", f"vb{mark}", CLIENT))
    started = []
    run(f"ip link add {ends[0][1]} type veth peer name {ends[1][1]}")
    try:
        for space, link, address in ends:
            run(f"ip netns add {space}")
            run(f"ip link set {link} netns {space}")
            run(f"ip -n {space} addr add {address}/24 dev {link}")
            run(f"ip -n {space} link set {link} up")
            run(f"ip -n {space} route add 239.0.0.0/8 dev {link}")
            run(f"ip netns exec {space} ethtool -K {link} tx off rx off tso off gso off gro off", capture_output=True)
        server, client = (f"ip netns exec {space} " for space, _, _ in ends)
        for command in servers:
            started.append(subprocess.Popen((server + command).split()))
        started.append(subprocess.Popen(f"{client}tcpdump -q -i {ends[1][1]} -U -w {out} tcp or udp".split()))
        time.sleep(4)
        for command, seconds in dialogues:
            running = subprocess.Popen((client + command).split(), stdout=subprocess.DEVNULL)
            try:
                running.wait(seconds)
            except subprocess.TimeoutExpired:
                running.send_signal(stop)
                running.wait(5)
        time.sleep(1)
    finally:
        for process in started:
            process.terminate()
            process.wait()
        for space, _, _ in ends:
            subprocess.run(["ip", "netns", "del", space], check=False)


def run(command, **options):
    return subprocess.run(command.split(), check=True, **options)

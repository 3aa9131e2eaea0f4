#!/usr/bin/python3
"""Makes greetings.pcap: an intercom and an exchange greet each other by TLS, SSH and SIP, in two network namespaces.

sudo pcaps/greetings.py pcaps/greetings.pcap

TLS is OpenSSL's on both sides: 1.2 with a certificate such as an Axis device signs for itself, 1.3, both sides with
certificates, and a client that only knows 1.0 and is refused. SSH's client is OpenSSH's, its server no more than a
greeting. SIP is spoken by this script: a registration with a wrong and a right password, a call, a question over TCP.
Needs iproute2, ethtool, tcpdump, openssl, openssh-client.
"""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

INTERCOM, EXCHANGE = "192.0.2.7", "192.0.2.9"
NAME = "/O=Axis Communications AB/CN=axis-b8a44f000000"
AGENT, SERVER = "AXIS A8105-E Network Video Door Station", "Exchange 1.0"
PLAYERS = [
    ("", "-tls1_2 -connect {}:443 -servername door.example -alpn http/1.1"),
    ("", "-tls1_3 -connect {}:8443 -servername door.example"),
    ("-cert client.pem -key client.key", "-tls1_2 -connect {}:9443"),
    ("", "-tls1 -cipher ALL:@SECLEVEL=0 -connect {}:8443"),
]
SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=Door\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def run(command, **options):
    return subprocess.run(command.split(), check=True, **options)


def keys():
    """Keys and certificates in the current folder."""
    for name, subject in (("door", NAME), ("client", "/O=Example/CN=exchange")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", subject,
                        "-addext", "subjectAltName=DNS:door.example,IP:192.0.2.7",
                        "-keyout", f"{name}.key", "-out", f"{name}.pem"], check=True, capture_output=True)


def serve():
    """The intercom's servers."""
    serving = "openssl s_server -quiet -cert door.pem -key door.key -accept"
    children = [
        subprocess.Popen(f"{serving} 443 -tls1_2 -alpn http/1.1".split(), stdin=subprocess.DEVNULL),
        subprocess.Popen(f"{serving} 8443 -tls1_3".split(), stdin=subprocess.DEVNULL),
        subprocess.Popen(f"{serving} 9443 -tls1_2 -Verify 1".split(), stdin=subprocess.DEVNULL),
    ]
    signal.signal(signal.SIGTERM, lambda *_: [child.terminate() for child in children] and sys.exit())
    listener = socket.create_server((INTERCOM, 22))
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"SSH-2.0-dropbear_2019.78\r\n")
        connection.recv(400)
        connection.close()


def message(start, call, number, method, headers=(), body=""):
    lines = [start, f"Via: SIP/2.0/UDP {INTERCOM}:5060;branch=z9hG4bK{number}", f"Call-ID: {call}",
             f"CSeq: {number} {method}", "From: <sip:door@pbx.example>;tag=1", "To: <sip:desk@pbx.example>",
             *headers, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


def proof(password, method, target):
    one = hashlib.md5(f"door:pbx:{password}".encode()).hexdigest()
    other = hashlib.md5(f"{method}:{target}".encode()).hexdigest()
    response = hashlib.md5(f"{one}:n1:{other}".encode()).hexdigest()
    return (f'Authorization: Digest username="door", realm="pbx", nonce="n1", uri="{target}", '
            f'response="{response}", algorithm=MD5')


def exchange():
    """Answers what comes over UDP, and one question over TCP."""
    register, pbx = "sip:pbx.example", f"Server: {SERVER}"
    asks = (pbx, 'WWW-Authenticate: Digest realm="pbx", nonce="n1"')
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((EXCHANGE, 5060))
        while True:
            asked, sender = peer.recvfrom(4096)
            if not asked.strip():
                continue  # It keeps a path open.
            lines = asked.decode().split("\r\n")
            method, headers = lines[0].split(" ")[0], dict(line.split(": ", 1) for line in lines[1:] if ": " in line)

            def answer(status, more=(), body=""):
                call, number = headers["Call-ID"], headers["CSeq"].split(" ")[0]
                peer.sendto(message(f"SIP/2.0 {status}", call, number, method, more, body), sender)

            if method == "REGISTER" and "Authorization" not in headers:
                answer("401 Unauthorized", asks)
            elif method == "REGISTER" and headers["Authorization"] not in proof("hidden", method, register):
                answer("403 Forbidden", (pbx,))
            elif method == "INVITE":
                answer("100 Trying", (pbx,))
                answer("200 OK", (pbx, f"Contact: <sip:desk@{EXCHANGE}>", "Content-Type: application/sdp"),
                       SDP.format(EXCHANGE))
            elif method != "ACK":
                answer("200 OK", (pbx,))


def call():
    """The intercom registers and calls; then the exchange asks it over TCP whether it lives."""
    register, desk = "sip:pbx.example", "sip:desk:secret@pbx.example;user=phone"
    agent = f"User-Agent: {AGENT}"
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((INTERCOM, 5060))
        peer.connect((EXCHANGE, 5060))

        def ask(method, target, number, more=(), body="", answers=1):
            peer.send(message(f"{method} {target} SIP/2.0", "a", number, method, (agent, *more), body))
            [peer.recv(4096) for _ in range(answers)]

        ask("REGISTER", register, 1)
        ask("REGISTER", register, 2, (proof("wrong", "REGISTER", register),))
        ask("REGISTER", register, 3, (proof("hidden", "REGISTER", register),))
        peer.send(b"\r\n\r\n")
        sdp = ("Content-Type: application/sdp", f"Contact: <sip:door@{INTERCOM}>")
        ask("INVITE", desk, 4, sdp, SDP.format(INTERCOM), answers=2)
        ask("ACK", desk, 4, answers=0)
        ask("BYE", desk, 5)


def lives():
    """The intercom's end of a question over TCP."""
    with socket.create_server((INTERCOM, 5060)) as listener:
        connection, _ = listener.accept()
        connection.recv(4096)
        contact = (f"Contact: <sip:door@{INTERCOM}>", f"User-Agent: {AGENT}")
        connection.sendall(message("SIP/2.0 200 OK", "b", 1, "OPTIONS", contact))
        connection.recv(1)


def question():
    with socket.create_connection((INTERCOM, 5060)) as connection:
        connection.sendall(message(f"OPTIONS sip:door@{INTERCOM} SIP/2.0", "b", 1, "OPTIONS", (f"User-Agent: {SERVER}",)))
        connection.recv(4096)


def main(out):
    mark = os.getpid()
    ends = ((f"greeta{mark}", f"ga{mark}", INTERCOM, "b8:a4:4f:00:00:00"),
            (f"greetb{mark}", f"gb{mark}", EXCHANGE, "02:00:00:00:6b:09"))
    out, script = os.path.abspath(out), os.path.abspath(__file__)
    started = []
    run(f"ip link add {ends[0][1]} type veth peer name {ends[1][1]}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        keys()
        try:
            for space, link, address, mac in ends:
                run(f"ip netns add {space}")
                run(f"ip link set {link} netns {space}")
                run(f"ip -n {space} link set {link} address {mac}")
                run(f"ip -n {space} addr add {address}/24 dev {link}")
                run(f"ip -n {space} link set {link} up")
                run(f"ip netns exec {space} ethtool -K {link} tx off rx off tso off gso off gro off", capture_output=True)
            door, desk = (f"ip netns exec {space} " for space, *_ in ends)
            begin = lambda where, part: started.append(subprocess.Popen(f"{where}{sys.executable} {script} {part}".split()))
            started.append(subprocess.Popen(f"{desk}tcpdump -q -i {ends[1][1]} -U -w {out} arp or tcp or udp".split()))
            begin(door, "--serve")
            begin(door, "--lives")
            begin(desk, "--exchange")
            time.sleep(3)
            for more, player in PLAYERS:
                command = f"{desk}openssl s_client {more} {player.format(INTERCOM)}"
                subprocess.run(command.split(), input=b"Q\n", capture_output=True, timeout=20)
            subprocess.run(f"{desk}ssh -o BatchMode=yes -o StrictHostKeyChecking=no {INTERCOM}".split(), capture_output=True)
            run(f"{door}{sys.executable} {script} --call")
            run(f"{desk}{sys.executable} {script} --question")
            time.sleep(1)
        finally:
            for process in started:
                process.terminate()
                process.wait()
            for space, *_ in ends:
                subprocess.run(["ip", "netns", "del", space], check=False)


if __name__ == "__main__":
    parts = {"--serve": serve, "--exchange": exchange, "--call": call, "--lives": lives, "--question": question}
    parts.get(sys.argv[1], lambda: main(sys.argv[1]))()

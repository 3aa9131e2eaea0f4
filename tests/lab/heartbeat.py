"""The host link between the door controller and the access server: a few bytes each way, steadily.

`heartbeat.py serve PORT` answers on the access server; `heartbeat.py call HOST PORT SECONDS`
runs on the controller and dials again, 3 s later, whenever the link breaks. The bytes are
the lab's own (a counter under a fixed mark); no maker's protocol is claimed.
"""

import socket
import socketserver
import struct
import sys
import time

MARK = b"LABDOOR1"
BEAT = struct.Struct(">8sI")
PATIENCE_S = 12
REDIAL_S = 3


class Host(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(4 * PATIENCE_S)
        try:
            while beat := self.request.recv(BEAT.size):
                self.request.sendall(beat)
        except OSError:
            pass


def serve(port: int) -> None:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("", port), Host).serve_forever()


def call(host: str, port: int, every_s: float) -> None:
    count = 0
    while True:
        try:
            with socket.create_connection((host, port), timeout=PATIENCE_S) as link:
                while True:
                    count += 1
                    link.sendall(BEAT.pack(MARK, count))
                    if not link.recv(BEAT.size):
                        break
                    time.sleep(every_s)
        except OSError:
            pass
        time.sleep(REDIAL_S)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        call(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))

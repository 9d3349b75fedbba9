"""Sends so many datagrams a second for so many seconds to random addresses of 10.100.0.0/16; every second one of them to one of
the addresses of a JSON list, if there are any: scan.py RATE SECONDS LIST. Prints how many it sent."""
import json
import random
import socket
import sys
import time


def main(rate, seconds, known):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setblocking(False)
    begun, sent = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        for _ in range(int((time.monotonic() - begun) * rate) - sent):
            target = known[sent // 2 % len(known)] if known and sent % 2 else f"10.100.{random.randrange(256)}.{random.randrange(1, 255)}"
            try:
                sender.sendto(b"x" * 64, (target, 9))
            except OSError:
                pass  # the socket is full, or an ICMP error came for an earlier one
            sent += 1
        time.sleep(0.002)
    print(sent)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3]))

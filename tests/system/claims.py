"""Somebody says on a link that an address is his."""

# An ARP announcement (RFC 5227, 3) as a machine makes it that has taken an address.
_CLAIM = """
import socket, sys
interface, address, mac = sys.argv[1], socket.inet_aton(sys.argv[2]), bytes.fromhex(sys.argv[3].replace(":", ""))
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((interface, 0))
link.send(b"\\xff" * 6 + mac + b"\\x08\\x06" + b"\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x01" + mac + address + bytes(6) + address)
"""
# The same by an unsolicited neighbour advertisement (RFC 4861, 7.2.6).
_CLAIM6 = """
import socket, struct, sys
interface, address, mac = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2]), bytes.fromhex(sys.argv[3].replace(":", ""))
everybody = socket.inet_pton(socket.AF_INET6, "ff02::1")
message = b"\\x88\\0\\0\\0" + b"\\x20\\0\\0\\0" + address + b"\\x02\\x01" + mac
words = address + everybody + struct.pack("!II", len(message), 58) + message
total = sum(struct.unpack("!%dH" % (len(words) // 2), words))
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
message = message[:2] + struct.pack("!H", 0xffff - total) + message[4:]
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((interface, 0))
link.send(b"\\x33\\x33\\0\\0\\0\\x01" + mac + b"\\x86\\xdd" + struct.pack("!IHBB", 0x60000000, len(message), 58, 255) + address + everybody + message)
"""


def claim(place, interface, address, mac):
    place.run(["/usr/bin/python3", "-c", _CLAIM6 if ":" in address else _CLAIM, interface, address, mac])

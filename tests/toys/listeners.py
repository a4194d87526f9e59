"""A program that listens as it is told, one line for each process of its tree; then it sleeps.

It is started as `python listeners.py PORT WAY ...`. A way is `own`, `everywhere`, `ipv6`, `second`,
`udp`, `udp-loopback`, `supervisor`, `reuse`, `helper` or `nothing`. It prints the process ids of
its children, then `ready`.
"""

import os
import socket
import sys
import time
from collections.abc import Callable


def tcp(host: str, port: int, family: int = socket.AF_INET) -> socket.socket:
    """A socket that listens, and that others may share the port with."""
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    made.listen()
    return made


def fork(prepare: Callable[[], socket.socket | None] = lambda: None) -> int:
    """A child that holds what its parent holds, once it has prepared itself."""
    prepared, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        kept = prepare()
        os.write(tell, b".")
        time.sleep(120)
        del kept
        os._exit(0)
    os.read(prepared, 1)
    return pid


def let_go(held: list[socket.socket]) -> bool:
    """Close what was inherited."""
    for inherited in held:
        inherited.close()
    return True


def main() -> None:
    port, *ways = sys.argv[1:]
    held: list[socket.socket] = []
    pids: list[int] = []
    for way in ways:
        match way:
            case "own":
                held.append(tcp("127.0.0.1", int(port)))
            case "everywhere":
                held.append(tcp("0.0.0.0", int(port)))
            case "ipv6":
                held.append(tcp("::", int(port), socket.AF_INET6))
            case "second":
                held.append(tcp("127.0.0.1", 0))
            case "udp" | "udp-loopback":
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                made.bind(("127.0.0.1" if "-" in way else "0.0.0.0", 0))
                held.append(made)
            case "supervisor":  # two children serve the socket that it holds
                pids += [fork(), fork()]
            case "reuse":  # a child with a socket of its own
                pids.append(fork(lambda: tcp("127.0.0.1", int(port)) if let_go(held) else None))
            case "helper":
                pids.append(fork(lambda: None if let_go(held) else held[0]))
    print(*pids, flush=True)
    print("ready", flush=True)
    time.sleep(120)


if __name__ == "__main__":
    main()

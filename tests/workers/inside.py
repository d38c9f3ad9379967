"""What runs first on a machine: its name, its loopback, its empty disk, its doors; then its worker."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

from workers.doors import serve_there


def main(name: str, disk: str, doors: str, ports: str, *worker: str) -> int:
    """Become a machine, and work until it is killed.

    Args:
        name: of the host.
        disk: folder over which an empty disk of its own is mounted.
        doors: folder of the doors.
        ports: those that lead somewhere, with commas between them.
        worker: the words after ``airflow`` that start its worker.
    """
    socket.sethostname(name)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=2g", "tmpfs", disk], check=True)
    leading = [int(port) for port in ports.split(",")]
    threading.Thread(target=lambda: asyncio.run(serve_there(Path(doors), leading)), daemon=True).start()
    return subprocess.call([sys.executable, "-m", "airflow", *worker])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

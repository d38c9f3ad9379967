"""Doors between machines: a port of loopback here, the same port there, through a socket in a folder.

A network namespace has a loopback interface of its own and nothing else, so that whatever is not a door is unreachable.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

LOOPBACK = "127.0.0.1"
OPEN: set[object] = set()
"""Connections that are open: the event loop itself would forget them, and their tasks with them."""


def door(folder: Path, port: int) -> Path:
    """The socket that leads to a port of the machine of the servers."""
    return folder / f"{port}.door"


async def serve_here(folder: Path, ports: Iterable[int]) -> None:
    """Let through, from every door, to the ports of this machine; for ever."""
    await _forever(
        [
            await asyncio.start_unix_server(_through(lambda port=port: asyncio.open_connection(LOOPBACK, port)), path)
            for port, path in ((port, door(folder, port)) for port in ports)
        ]
    )


async def serve_there(folder: Path, ports: Iterable[int]) -> None:
    """Let through, from the ports of another machine, to the doors; for ever."""
    await _forever(
        [
            await asyncio.start_server(_through(lambda path=path: asyncio.open_unix_connection(path)), LOOPBACK, port)
            for port, path in ((port, door(folder, port)) for port in ports)
        ]
    )


async def _forever(servers):
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _through(connect):
    """What handles a connection: both directions are copied until both have ended, or one of them breaks off."""

    async def handle(reader, writer):
        OPEN.add(asyncio.current_task())
        try:
            far_reader, far_writer = await connect()
        except OSError:  # the server is not up yet, or not any more
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        except (ConnectionError, RuntimeError):
            pass  # what broke off here shall break off there, too
        finally:
            writer.close()
            far_writer.close()
            OPEN.discard(asyncio.current_task())

    return handle


async def _copy(reader, writer):
    while content := await reader.read(1 << 16):
        writer.write(content)
        await writer.drain()
    writer.write_eof()

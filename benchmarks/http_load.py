"""A client that asks as fast as it can, or so many times a second, over connections that stay open; raw HTTP/1.1.

Where a rate is asked for, a request's time counts from the moment when it was due, so that a service that stalls is
seen to: a client that waits for it politely would hide it (coordinated omission).
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import uvloop


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._buffer, self._wanted = bytearray(), -1
        self._done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep the way to the server."""
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """An answer that is still owed does not come."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        """Gather an answer whose length its head tells."""
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            self._wanted = end + 4 + length
        if len(self._buffer) >= self._wanted and self._done is not None:
            answer, self._buffer, self._wanted = bytes(self._buffer[: self._wanted]), bytearray(), -1
            self._done.set_result(answer)

    async def ask(self, request: bytes) -> bytes:
        """The whole answer to a request."""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._done


class Load:
    """What came of it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self.releases: set[str] = set()
        self.mixed = 0

    def add(self, began: float, answer: bytes, check: bool) -> None:
        """Note an answer."""
        self.seconds.append(time.perf_counter() - began)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 304")):
            self.wrong.append(answer[:300].decode("latin-1"))
        elif check:
            self._look(answer)

    def _look(self, answer: bytes) -> None:
        """Whether header and body of an answer name the same release."""
        head, _, body = answer.partition(b"\r\n\r\n")
        named = head.lower().split(b"recsys-release: ")[1].split(b"\r\n")[0].decode()
        self.releases.add(named)
        if str(json.loads(body)["release"]) != named:
            self.mixed += 1
            self.wrong.append(f"mixed: {named} and {body[:20].decode()}")


async def ask_all(
    port: int, paths: Iterator[bytes], connections: int, seconds: float, rate: float | None, check: bool
) -> Load:
    """Ask for some seconds.

    Args:
        port: on loopback.
        paths: what is asked for, without end.
        connections: that are open at the same time.
        seconds: for which requests are begun.
        rate: requests a second; None: each connection asks again as soon as it is answered.
        check: whether each answer is looked at.
    """
    loop, load = asyncio.get_running_loop(), Load()
    opened = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(connections)]
    start = time.perf_counter()
    due = iter(start + number / rate for number in range(int(rate * seconds))) if rate else None

    async def keep_asking(connection: Connection) -> None:
        while (now := time.perf_counter()) < start + seconds:
            began = now
            if due is not None:
                if (began := next(due, 0.0)) == 0.0:
                    return
                if began > now:
                    await asyncio.sleep(began - now)
            request = b"GET " + next(paths) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
            try:
                load.add(began, await connection.ask(request), check)
            except ConnectionError as error:
                load.wrong.append(str(error))
                return

    await asyncio.gather(*map(keep_asking, opened))
    for connection in opened:
        connection._transport.close()
    return load


def paths_of(template: str, ids: list[int], seed: int, drawn: str) -> Iterator[bytes]:
    """A template filled with ids drawn at random, without end.

    Args:
        template: of a path, with {} where the id goes.
        ids: to draw from, those asked for most in front.
        seed: of the draw.
        drawn: ``evenly``; ``zipf``, by 1 / place; ``same``, the first alone.
    """
    rng, n = np.random.default_rng(seed), len(ids)
    draw = {
        "evenly": lambda: n * rng.random(10_000),
        "zipf": lambda: (n + 1) ** rng.random(10_000) - 1,  # the inverse of log(place + 1) / log(n + 1)
        "same": lambda: np.zeros(10_000),
    }[drawn]
    while True:
        for place in draw().astype(int).tolist():
            yield template.replace("{}", str(ids[min(place, n - 1)])).encode()


def main() -> None:
    """Do what the first argument says, as JSON; print the figures, as JSON."""
    asked = json.loads(sys.argv[1])
    os.sched_setaffinity(0, set(asked["cores"]))
    ids = np.load(asked["ids"]).tolist()
    paths = paths_of(asked["path"], ids, asked.get("seed", 0), asked.get("drawn", "evenly"))
    rate, check = asked.get("rate"), asked.get("check", False)
    load = uvloop.run(ask_all(asked["port"], paths, asked["connections"], asked["seconds"], rate, check))
    taken = np.array(load.seconds or [np.nan])
    p50, p99, worst = (1000 * float(np.quantile(taken, q)) for q in (0.5, 0.99, 1.0))
    figures = {"answers": len(load.seconds), "p50_ms": p50, "p99_ms": p99, "worst_ms": worst}
    print(
        json.dumps(
            figures
            | {"errors": len(load.wrong), "first": load.wrong[:1], "releases": len(load.releases), "mixed": load.mixed}
        )
    )


if __name__ == "__main__":
    main()

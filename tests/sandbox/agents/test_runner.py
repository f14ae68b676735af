"""How one pod is run on the sandbox's node."""

import asyncio

from handlers.sandbox.kube import Object
from handlers.sandbox.runner import probe

POD: Object = {"spec": {"containers": [{}]}}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    writer.close()


async def _lost(turns: int, port: int) -> bool:
    """Whether a probe that is cancelled after so many turns of the loop goes on as if it was not."""
    asked = asyncio.create_task(probe(POD, port))
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelled = asked.cancel()  # False when it is over
    await asyncio.wait([asked])
    return cancelled and not asked.cancelled()


async def _all_lost() -> list[int]:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return [turns for turns in range(60) for _ in range(3) if await _lost(turns, port)]


def test_a_probe_that_is_cancelled_ends_however_far_it_is() -> None:
    """A pod whose probe has just been answered would start again while the node stops, and the node wait for it."""
    assert asyncio.run(_all_lost()) == []

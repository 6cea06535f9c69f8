"""A bot at the voice bridge: it says back whatever it hears, in every call at once, and ends a call at the key #.

    python3 voice_bot.py ws://127.0.0.1:9000
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def talk(bridge, session):
    async with connect(f"{bridge}/{session}") as call:
        async for message in call:
            if isinstance(message, bytes):  # 20 ms of the far end: s16le, mono, 48 kHz
                await call.send(message)
            elif json.loads(message).get("digit") == "#":
                await call.send(json.dumps({"command": "end"}))


async def main(bridge):
    async with asyncio.TaskGroup() as calls, connect(bridge) as news:
        async for message in news:
            event = json.loads(message)
            if event["event"] == "started":
                calls.create_task(talk(bridge, event["session"]))


asyncio.run(main(sys.argv[1]))

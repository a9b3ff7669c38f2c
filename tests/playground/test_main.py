"""`python -m playground` as a process."""

import asyncio
import signal
import sys

import aiohttp


async def test_it_prints_its_addresses_and_serves_until_interrupted() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "playground", "--person", "Ada", "--token", "secret", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode().split(maxsplit=1) for _ in range(5)]
    shown = {label: value.strip() for label, value in lines}
    assert shown["token"] == "secret"
    assert shown["person"].startswith("Ada (")
    assert shown["gateway"].startswith("ws://127.0.0.1:")
    headers = {"Authorization": "Bot secret"}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{shown['API']}/oauth2/applications/@me", headers=headers) as response:
            assert (await response.json())["owner"]["global_name"] == "Ada"
        async with session.get(shown["page"]) as response:
            assert response.status == 200
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 30) == 0

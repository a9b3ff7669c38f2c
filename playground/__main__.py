"""`python -m playground`: a Discord on this machine for a bot of your own, with its chat page."""

import argparse
import asyncio
import contextlib

from playground.server import Playground


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m playground",
        description="Run a Discord-compatible server on loopback, with one person and a chat page in the browser.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--person", default="You", help="name of the person who chats with the bot (default: You)")
    parser.add_argument("--token", help="the bot token to accept (default: a new one)")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, arguments.person, arguments.token))


async def _serve(port: int, name: str, token: str | None) -> None:
    async with Playground(port=port, token=token) as playground:
        person = playground.person(name)
        lines = {
            "API": playground.api_url,
            "gateway": playground.gateway_url,
            "page": playground.page_url,
            "token": playground.token,
            "person": f"{person.name} ({person.id})",
        }
        for label, value in lines.items():
            print(f"{label:8} {value}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()

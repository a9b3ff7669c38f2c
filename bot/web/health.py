"""`/healthz` and `/readyz` on loopback: for whatever keeps the bot running."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

Checks = Callable[[], Mapping[str, bool]]


class Health:
    """Answers on 127.0.0.1 only."""

    def __init__(self, port: int, checks: Checks, told: Checks = dict) -> None:
        """`checks` says of each part that has to work whether it does, `told` of those without which it is ready."""
        self._port = port
        self._checks = checks
        self._told = told
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Raises OSError if the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _: web.Request) -> web.Response:
        checks = dict(self._checks())
        ready = all(checks.values())
        return web.json_response({"ready": ready, **checks, **self._told()}, status=200 if ready else 503)

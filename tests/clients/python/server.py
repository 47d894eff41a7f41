"""A real server process on a free loopback port, with a database of its own, and a small world in it."""

import asyncio
import json
import os
import pathlib
import re
import shutil
import signal
import tempfile

import aiohttp

BINARY = os.environ.get("FANFARE_BIN") or str(pathlib.Path(__file__).parents[3] / "target/debug/fanfare")
# Whatever a test waits for has to come by then, in seconds.
PATIENCE = 10


class Server:
    """One `fanfare serve`, which can be killed and started again on the same port and database."""

    @classmethod
    async def start(cls, **settings):
        server = cls()
        server.dir = tempfile.mkdtemp(prefix="fanfare-py-")
        server.settings = settings
        server.port = 0
        server.process = None
        await server.again()
        return server

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def again(self):
        settings = {
            "LISTEN": f"127.0.0.1:{self.port}",
            "ADMIN_LISTEN": "off",
            "DATA_DIR": self.dir,
            "SEED": "false",
            "DATABASE_TIMEOUT": "3s",
            "LOG_FORMAT": "json",
            **self.settings,
        }
        # In its own directory and with nothing of this machine's settings.
        environment = {"PATH": os.environ["PATH"]} | {f"FANFARE_{name}": value for name, value in settings.items()}
        self.process = await asyncio.create_subprocess_exec(
            BINARY, "serve", cwd=self.dir, env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )
        self.port = await asyncio.wait_for(self._listening(), 30)
        # What it logs later must not fill the pipe.
        self._reading = asyncio.create_task(self.process.stderr.read())

    async def _listening(self):
        lines = []
        while line := (await self.process.stderr.readline()).decode():
            lines.append(line)
            if "Listening." in line:
                return int(re.search(r'"address":"[^"]*:(\d+)"', line).group(1))
        raise RuntimeError("the server ended:\n" + "".join(lines))

    async def kill(self, number=signal.SIGKILL):
        """Ends the process and waits until it is gone; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), 30)
        await self._reading
        return code

    async def stop(self):
        await self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    async def post(self, path, body, token=None):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession() as session:
            async with session.post(self.url + path, json=body, headers=headers) as response:
                return await response.json()

    async def token(self, user):
        return (await self.post("/api/dev/login", {"userId": user}))["token"]

    async def graphql(self, user, query, **variables):
        answer = await self.post("/graphql", {"query": query, "variables": variables}, await self.token(user))
        if "errors" in answer:
            raise AssertionError(json.dumps(answer["errors"]))
        return answer["data"]


class World:
    """A campaign of ada's with the viewer ben, and a settlement in it."""

    @classmethod
    async def make(cls, server):
        world = cls()
        world.server = server
        made = await server.graphql("ada", 'mutation { createCampaign(input: { name: "Test" }) { id } }')
        world.campaign = made["createCampaign"]["id"]
        made = await server.graphql(
            "ada",
            """mutation($c: ID!) {
                setMember(campaignId: $c, userId: "ben", role: VIEWER) { userId }
                createSettlement(input: { campaignId: $c, name: "Town", level: 1, population: 9 }) { id }
            }""",
            c=world.campaign,
        )
        world.settlement = made["createSettlement"]["id"]
        world.room = f"settlement:{world.settlement}"
        return world

    async def rename(self, name):
        await self.server.graphql(
            "ada",
            "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id } }",
            s=self.settlement, n=name,
        )

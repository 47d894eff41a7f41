"""The server as python-socketio sees it: another implementation of the client, another reading of the protocol."""

import asyncio
import signal
import unittest

import socketio

from server import PATIENCE, Server, World


class Client:
    """A client that keeps everything it is told, and can wait for it."""

    def __init__(self, server, transports=("websocket",)):
        self.server = server
        self.transports = list(transports)
        self.io = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        self.told = []
        self.connects = 0
        self.changed = asyncio.Condition()
        self.io.on("connect", self._connected)
        self.io.on("*", self._told)

    async def _connected(self):
        self.connects += 1
        async with self.changed:
            self.changed.notify_all()

    async def _told(self, name, payload):
        self.told.append((name, payload))
        async with self.changed:
            self.changed.notify_all()

    async def connect(self, auth):
        await self.io.connect(self.server.url, auth=auth, transports=self.transports, wait_timeout=PATIENCE)
        return await self.event("welcome")

    async def command(self, name, payload=None):
        return await self.io.call(name, payload, timeout=PATIENCE)

    async def until(self, holds):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(holds), PATIENCE)

    async def event(self, name, accept=lambda payload: True):
        """The first event of that name, now or later; it is taken."""
        def find():
            return next((told for told in self.told if told[0] == name and accept(told[1])), None)

        await self.until(lambda: find() is not None)
        found = find()
        self.told.remove(found)
        return found[1]


class PythonClient(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = await Server.start(POLLING="true")
        self.addAsyncCleanup(self.server.stop)
        self.clients = []

    async def asyncTearDown(self):
        for client in self.clients:
            await client.io.shutdown()

    def client(self, **options):
        self.clients.append(Client(self.server, **options))
        return self.clients[-1]

    async def connected(self, user, **options):
        client = self.client(**options)
        welcome = await client.connect({"token": await self.server.token(user)})
        self.assertEqual(welcome["userId"], user)
        return client

    # req: T03
    async def test_a_good_token_is_welcomed_over_either_transport(self):
        for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
            with self.subTest(transports=transports):
                client = await self.connected("ada", transports=transports)
                pong = await client.command("ping")
                self.assertTrue(pong["success"])

    # req: T03
    async def test_a_bad_token_is_refused_with_its_code(self):
        for auth, code in (({}, "token_missing"), ({"token": "not.a.token"}, "token_invalid")):
            with self.subTest(code=code):
                client = self.client()
                refusals = []
                client.io.on("connect_error", refusals.append)
                with self.assertRaises(socketio.exceptions.ConnectionError):
                    await client.connect(auth)
                self.assertEqual(refusals, [{"message": code}])

    # req: T02 T05 T08
    async def test_a_change_reaches_whoever_may_see_it(self):
        world = await World.make(self.server)
        member, stranger = await self.connected("ben"), await self.connected("mallory")
        ack = await member.command("subscribe", {"room": world.room})
        self.assertEqual((ack["success"], ack["recovered"], ack["events"]), (True, False, []))
        refused = await stranger.command("subscribe", {"room": world.room})
        self.assertEqual((refused["success"], refused["code"]), (False, "not_found"))
        await world.rename("Haven")
        event = await member.event("settlement_updated")
        self.assertEqual(event["payload"]["settlementData"]["name"], "Haven")
        self.assertEqual(event["offsets"][world.room], ack["offset"] + 1)
        await stranger.command("ping")
        self.assertEqual(stranger.told, [])

    # req: T04
    async def test_the_named_commands_and_mistakes_are_answered(self):
        world = await World.make(self.server)
        client = await self.connected("ben")
        ack = await client.command("subscribe_settlement", {"entityId": world.settlement, "type": "settlement"})
        self.assertEqual((ack["success"], ack["room"]), (True, world.room))
        ack = await client.command("unsubscribe_settlement", {"settlementId": world.settlement})
        self.assertEqual(ack, {"success": True})
        for name, payload in (("subscribe", None), ("subscribe", {"room": "castle:1"}), ("conquer", {})):
            ack = await client.command(name, payload)
            self.assertEqual((ack["success"], ack["code"]), (False, "bad_request"), ack)

    # req: T16
    async def test_who_was_away_gets_exactly_what_it_missed(self):
        world = await World.make(self.server)
        client = await self.connected("ben")
        ack = await client.command("subscribe", {"room": world.room})
        await client.io.disconnect()
        for name in ("One", "Two", "Three"):
            await world.rename(name)
        back = await self.connected("ben")
        position = {"epoch": ack["epoch"], "offset": ack["offset"]}
        ack = await back.command("subscribe", {"room": world.room, "position": position})
        self.assertTrue(ack["recovered"])
        names = [event["payload"]["settlementData"]["name"] for event in ack["events"]]
        self.assertEqual(names, ["One", "Two", "Three"])

    # req: T21
    async def test_it_comes_back_by_itself_after_a_crash_and_after_a_restart(self):
        world = await World.make(self.server)
        for transports in (["websocket"], ["polling"]):
            for number in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(transports=transports, signal=number):
                    client = await self.connected("ben", transports=transports)
                    ack = await client.command("subscribe", {"room": world.room})
                    await world.rename("Before")
                    await client.event("settlement_updated")
                    await self.server.kill(number)
                    await self.server.again()
                    await client.event("welcome")
                    position = {"epoch": ack["epoch"], "offset": ack["offset"]}
                    ack = await client.command("subscribe", {"room": world.room, "position": position})
                    self.assertEqual((ack["recovered"], len(ack["events"])), (True, 1))
                    await world.rename("After")
                    event = await client.event("settlement_updated")
                    self.assertEqual(event["payload"]["settlementData"]["name"], "After")
                    await client.io.shutdown()

    async def test_acknowledgements_come_in_order(self):
        client = await self.connected("ben")
        answered = []
        everything = asyncio.Event()

        def answer(number):
            def called(ack):
                answered.append((number, ack["success"]))
                if len(answered) == 60:
                    everything.set()
            return called

        for number in range(60):
            await client.io.emit("ping", None, callback=answer(number))
        await asyncio.wait_for(everything.wait(), PATIENCE)
        self.assertEqual(answered, [(number, True) for number in range(60)])


if __name__ == "__main__":
    unittest.main()

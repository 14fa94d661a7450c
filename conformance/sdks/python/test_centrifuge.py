"""Centrifugo's SDK for Python against `trunkline serve`, in JSON and in Protobuf."""

import asyncio
import json
import logging
import unittest

from centrifuge import (
    Client,
    ClientEventHandler,
    ReplyError,
    StreamPosition,
    SubscriptionEventHandler,
)
from server import Line, Server, token

PATIENCE = 20

# The SDK logs what the tests do to it.
logging.disable(logging.CRITICAL)


def short_lived(**claims):
    """Tokens of two seconds each. That a third is asked for shows that the server took the second while it was needed."""
    asked, third = 0, asyncio.Event()

    async def bring(*_channel):
        nonlocal asked
        asked += 1
        if asked == 3:
            third.set()
        return token(**claims, ttl=2 if asked < 3 else 3600)

    async def renewed():
        async with asyncio.timeout(PATIENCE):
            await third.wait()

    return bring, renewed


class Events:
    """What has happened, in order, each as its name and context; `next` passes by all but those of a name."""

    def __init__(self):
        self._queue = asyncio.Queue()

    async def next(self, name=None, matches=lambda _: True):
        async with asyncio.timeout(PATIENCE):
            while True:
                happened, context = await self._queue.get()
                if name in (None, happened) and matches(context):
                    return context

    async def on_connecting(self, context):
        self._queue.put_nowait(("connecting", context))

    async def on_connected(self, context):
        self._queue.put_nowait(("connected", context))

    async def on_disconnected(self, context):
        self._queue.put_nowait(("disconnected", context))

    async def on_subscribing(self, context):
        self._queue.put_nowait(("subscribing", context))

    async def on_subscribed(self, context):
        self._queue.put_nowait(("subscribed", context))

    async def on_unsubscribed(self, context):
        self._queue.put_nowait(("unsubscribed", context))

    async def on_publication(self, context):
        self._queue.put_nowait(("publication", context))

    async def on_join(self, context):
        self._queue.put_nowait(("join", context))

    async def on_leave(self, context):
        self._queue.put_nowait(("leave", context))


class ClientEvents(Events, ClientEventHandler):
    pass


class SubscriptionEvents(Events, SubscriptionEventHandler):
    pass


class Cases:
    """What holds in both dialects."""

    protobuf = False

    async def asyncSetUp(self):
        self.server = Server()
        await self.server.start()
        self.addAsyncCleanup(self.server.remove)
        self.line = Line(self.server)
        await self.line.open()
        self.addAsyncCleanup(self.line.close)

    def encode(self, value):
        return json.dumps(value).encode() if self.protobuf else value

    def decode(self, data):
        return json.loads(data) if self.protobuf else data

    def client(self, user="alice", **options):
        options = {
            "token": token(sub=user),
            "timeout": PATIENCE,
            "min_reconnect_delay": 0.05,
            "max_reconnect_delay": 0.5,
            **options,
        }
        client = Client(self.line.url, events=ClientEvents(), use_protobuf=self.protobuf, **options)
        self.addAsyncCleanup(client.disconnect)
        return client

    async def connected(self, user="alice", **options):
        client = self.client(user, **options)
        await client.connect()
        await client.events.next("connected")
        return client

    async def subscribed(self, client, channel, **options):
        subscription = client.new_subscription(channel, events=SubscriptionEvents(), **options)
        await subscription.subscribe()
        await subscription.events.next("subscribed")
        return subscription

    async def data(self, subscription):
        return self.decode((await subscription.events.next("publication")).pub.data)

    async def refused(self, code, request):
        with self.assertRaises(ReplyError) as refusal:
            await request
        self.assertEqual(refusal.exception.code, code)

    async def test_connects_with_a_token(self):
        client = self.client()
        await client.connect()
        self.assertTrue((await client.events.next("connected")).client)

    async def test_a_connection_outlives_its_token_where_the_sdk_brings_another(self):
        bring, renewed = short_lived(sub="alice")
        client = await self.connected(token="", get_token=bring)
        await renewed()
        await client.disconnect()
        # Nothing was lost before that.
        self.assertEqual((await client.events.next()).code, 0)

    async def test_a_subscription_outlives_its_token_where_the_sdk_brings_another(self):
        bring, renewed = short_lived(sub="alice", channel="closed:room")
        client = await self.connected()
        subscription = await self.subscribed(client, "closed:room", get_token=bring)
        await renewed()
        await self.server.api("publish", channel="closed:room", data={"n": 1})
        # Nothing has happened before that.
        self.assertEqual(self.decode((await subscription.events.next()).pub.data), {"n": 1})

    async def test_an_expired_token_is_replaced_by_one_that_the_sdk_asks_for(self):
        asked = 0

        async def bring():
            nonlocal asked
            asked += 1
            return token(sub="alice")

        await self.connected(token=token(sub="alice", ttl=-60), get_token=bring)
        self.assertEqual(asked, 1)

    async def test_a_token_of_another_secret_ends_the_connection_with_3500(self):
        client = self.client(token=token(sub="alice")[:-8] + "AAAAAAAA")
        await client.connect()
        self.assertEqual((await client.events.next("disconnected")).code, 3500)

    async def test_publishes_and_reads_its_own_publication(self):
        subscription = await self.subscribed(await self.connected(), "open:publish")
        await subscription.publish(self.encode({"text": "hällo"}))
        publication = (await subscription.events.next("publication")).pub
        self.assertEqual(self.decode(publication.data), {"text": "hällo"})
        self.assertEqual((publication.offset, publication.info.user), (1, "alice"))

    async def test_presence_and_its_counts(self):
        alice = await self.subscribed(await self.connected(), "open:presence")
        await self.subscribed(await self.connected("bob"), "open:presence")
        await alice.events.next("join", lambda it: it.info.user == "bob")
        users = sorted(it.user for it in (await alice.presence()).clients.values())
        self.assertEqual(users, ["alice", "bob"])
        stats = await alice.presence_stats()
        self.assertEqual((stats.num_clients, stats.num_users), (2, 2))

    async def test_who_leaves_is_told_of(self):
        alice = await self.subscribed(await self.connected(), "open:leave")
        bob = await self.connected("bob")
        await self.subscribed(bob, "open:leave")
        await bob.disconnect()
        self.assertEqual((await alice.events.next("leave")).info.user, "bob")

    async def test_history_forward_from_a_position_and_backward(self):
        subscription = await self.subscribed(await self.connected(), "open:history")
        for n in (1, 2, 3):
            await subscription.publish(self.encode(n))

        def numbers(history):
            return [self.decode(it.data) for it in history.publications]

        first = await subscription.history(limit=1)
        self.assertEqual(numbers(first), [1])
        since = StreamPosition(offset=1, epoch=first.epoch)
        self.assertEqual(numbers(await subscription.history(limit=10, since=since)), [2, 3])
        self.assertEqual(numbers(await subscription.history(limit=2, reverse=True)), [3, 2])

    async def test_misses_nothing_when_its_line_is_cut(self):
        client = await self.connected(min_reconnect_delay=0.5)
        subscription = await self.subscribed(client, "open:cut")
        await self.server.api("publish", channel="open:cut", data=1)
        seen = [await self.data(subscription)]
        self.line.cut()
        await subscription.events.next("subscribing")
        await self.server.api("publish", channel="open:cut", data=2)
        self.assertTrue((await subscription.events.next("subscribed")).recovered)
        seen.append(await self.data(subscription))
        await self.server.api("publish", channel="open:cut", data=3)
        seen.append(await self.data(subscription))
        self.assertEqual(seen, [1, 2, 3])

    async def test_misses_nothing_when_the_server_is_killed_and_starts_again(self):
        staying, away = await self.connected(), await self.connected()
        stayed = await self.subscribed(staying, "open:kill")
        left = await self.subscribed(away, "open:kill")
        await away.disconnect()
        await self.server.api("publish", channel="open:kill", data=1)
        self.assertEqual(await self.data(stayed), 1)

        await self.server.kill()
        await self.server.start()
        self.assertTrue((await stayed.events.next("subscribed")).recovered)
        await self.server.api("publish", channel="open:kill", data=2)
        self.assertEqual(await self.data(stayed), 2)

        await away.connect()
        self.assertTrue((await left.events.next("subscribed")).recovered)
        self.assertEqual([await self.data(left), await self.data(left)], [1, 2])

    async def test_an_unknown_namespace_is_refused_with_102(self):
        client = await self.connected()
        subscription = client.new_subscription("nowhere:room", events=SubscriptionEvents())
        await subscription.subscribe()
        self.assertEqual((await subscription.events.next("unsubscribed")).code, 102)

    async def test_a_channel_that_is_not_allowed_is_refused_with_103(self):
        client = await self.connected()
        subscription = client.new_subscription("closed:room", events=SubscriptionEvents())
        await subscription.subscribe()
        self.assertEqual((await subscription.events.next("unsubscribed")).code, 103)

    async def test_what_a_subscriber_may_not_do_is_refused_with_103(self):
        client = await self.connected()
        allowed = token(sub="alice", channel="closed:mute")
        subscription = await self.subscribed(client, "closed:mute", token=allowed)
        await self.refused(103, subscription.publish(self.encode({})))

    async def test_what_a_channel_does_not_have_is_refused_with_108(self):
        client = await self.connected()
        allowed = token(sub="alice", channel="closed:bare")
        subscription = await self.subscribed(client, "closed:bare", token=allowed)
        await self.refused(108, subscription.history(limit=1))
        await self.refused(108, subscription.presence())

    async def test_the_backend_unsubscribes_a_user(self):
        subscription = await self.subscribed(await self.connected(), "open:ended")
        await self.server.api("unsubscribe", user="alice", channel="open:ended")
        self.assertEqual((await subscription.events.next("unsubscribed")).code, 2000)

    async def test_the_backend_disconnects_a_user_for_good(self):
        client = await self.connected()
        await self.server.api("disconnect", user="alice")
        self.assertEqual((await client.events.next("disconnected")).code, 3503)

    async def test_the_backend_subscribes_a_user(self):
        client = await self.connected()
        await self.server.api("subscribe", user="alice", channel="closed:inbox")
        self.assertEqual((await client.events.next("subscribed")).channel, "closed:inbox")
        await self.server.api("publish", channel="closed:inbox", data="hello")
        self.assertEqual(self.decode((await client.events.next("publication")).pub.data), "hello")


class Json(Cases, unittest.IsolatedAsyncioTestCase):
    pass


class Protobuf(Cases, unittest.IsolatedAsyncioTestCase):
    protobuf = True

    async def test_bytes_arrive_as_they_are_also_out_of_the_history(self):
        content = bytes(range(256)) * 4
        subscription = await self.subscribed(await self.connected(), "open:bytes")
        await subscription.publish(content)
        self.assertEqual((await subscription.events.next("publication")).pub.data, content)
        self.assertEqual((await subscription.history(limit=1)).publications[0].data, content)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    raise SystemExit(failed > 0 or result.testsRun == 0)

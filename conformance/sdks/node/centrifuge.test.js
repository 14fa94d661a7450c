// Centrifugo's SDK for JavaScript against `trunkline serve`, in JSON and in Protobuf.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Centrifuge as JsonCentrifuge } from 'centrifuge';
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf';
import WebSocket from 'ws';
import { Server, token } from './server.js';

const PATIENCE = 20_000;

/** A WebSocket whose TCP connection a test can cut. */
class Line extends WebSocket {
  static open = new Set();

  constructor(...args) {
    super(...args);
    Line.open.add(this);
    this.on('close', () => Line.open.delete(this));
  }

  static cut() {
    for (const line of Line.open) line.terminate();
  }
}

/** What comes with the next event of this name. */
function next(source, name) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no event "${name}"`)), PATIENCE);
    source.once(name, (context) => {
      clearTimeout(late);
      resolve(context);
    });
  });
}

/** Tokens of two seconds each. That a third is asked for shows that the server took the second while it was needed. */
function shortLived(claims) {
  let asked = 0;
  let late, done;
  const renewed = new Promise((resolve, reject) => {
    late = setTimeout(() => reject(new Error(`asked for ${asked} tokens`)), PATIENCE);
    done = resolve;
  });
  const getToken = async () => {
    if (++asked < 3) return token({ ...claims, ttl: 2 });
    clearTimeout(late);
    done();
    return token(claims);
  };
  return { getToken, renewed };
}

const refusal = (code) => (error) => error.code === code;

const dialects = {
  JSON: { Centrifuge: JsonCentrifuge, encode: (it) => it, decode: (it) => it },
  Protobuf: {
    Centrifuge: ProtobufCentrifuge,
    encode: (it) => Buffer.from(JSON.stringify(it)),
    decode: (it) => JSON.parse(Buffer.from(it).toString()),
  },
};

for (const [dialect, { Centrifuge, encode, decode }] of Object.entries(dialects)) {
  describe(dialect, { timeout: 6 * PATIENCE }, () => {
    const server = new Server();
    const clients = [];

    before(() => server.start());
    after(() => server.remove());
    afterEach(() => clients.splice(0).forEach((it) => it.disconnect()));

    function client(options = {}) {
      const made = new Centrifuge(server.url, {
        websocket: Line,
        token: token({ sub: 'alice' }),
        timeout: PATIENCE,
        minReconnectDelay: 50,
        maxReconnectDelay: 500,
        ...options,
      });
      clients.push(made);
      return made;
    }

    async function connected(options) {
      const made = client(options);
      const context = next(made, 'connected');
      made.connect();
      await context;
      return made;
    }

    async function subscribed(on, channel, options) {
      const subscription = on.newSubscription(channel, options);
      const context = next(subscription, 'subscribed');
      subscription.subscribe();
      await context;
      return subscription;
    }

    /** The data of every publication, as it comes. */
    function collected(subscription) {
      const seen = [];
      subscription.on('publication', (context) => seen.push(decode(context.data)));
      return seen;
    }

    /** Until this many publications are there. */
    async function filled(seen, subscription, count) {
      while (seen.length < count) await next(subscription, 'publication');
    }

    test('connects with a token', async () => {
      const made = client();
      const context = next(made, 'connected');
      made.connect();
      assert.match((await context).client, /^\S{8,}$/);
    });

    test('a connection outlives its token where the SDK brings another', async () => {
      const { getToken, renewed } = shortLived({ sub: 'alice' });
      const made = client({ token: '', getToken });
      let connections = 0;
      made.on('connected', () => connections++);
      made.connect();
      await renewed;
      assert.equal(made.state, 'connected');
      assert.equal(connections, 1);
    });

    test('an expired token is replaced by one that the SDK asks for', async () => {
      let asked = 0;
      await connected({
        token: token({ sub: 'alice', ttl: -60 }),
        getToken: async () => (asked++, token({ sub: 'alice' })),
      });
      assert.equal(asked, 1);
    });

    test('a token of another secret ends the connection with 3500', async () => {
      const made = client({ token: `${token({ sub: 'alice' }).slice(0, -8)}AAAAAAAA` });
      const context = next(made, 'disconnected');
      made.connect();
      assert.equal((await context).code, 3500);
    });

    test('a subscription outlives its token where the SDK brings another', async () => {
      const { getToken, renewed } = shortLived({ sub: 'alice', channel: 'closed:room' });
      const subscription = (await connected()).newSubscription('closed:room', { getToken });
      let times = 0;
      subscription.on('subscribed', () => times++);
      subscription.subscribe();
      await renewed;
      const publication = next(subscription, 'publication');
      await server.api('publish', { channel: 'closed:room', data: { n: 1 } });
      assert.deepEqual(decode((await publication).data), { n: 1 });
      assert.equal(times, 1);
    });

    test('publishes, and reads its own publication', async () => {
      const subscription = await subscribed(await connected(), 'open:publish');
      const publication = next(subscription, 'publication');
      await subscription.publish(encode({ text: 'hällo' }));
      const { data, offset, info } = await publication;
      assert.deepEqual(decode(data), { text: 'hällo' });
      assert.equal(offset, 1);
      assert.equal(info.user, 'alice');
    });

    test('presence and its counts', async () => {
      const alice = await subscribed(await connected(), 'open:presence');
      const join = new Promise((resolve) =>
        alice.on('join', ({ info }) => info.user === 'bob' && resolve()),
      );
      await subscribed(await connected({ token: token({ sub: 'bob' }) }), 'open:presence');
      await join;
      const { clients } = await alice.presence();
      assert.deepEqual(Object.values(clients).map((it) => it.user).sort(), ['alice', 'bob']);
      assert.deepEqual(await alice.presenceStats(), { numClients: 2, numUsers: 2 });
    });

    test('who leaves is told of', async () => {
      const alice = await subscribed(await connected(), 'open:leave');
      const bob = await connected({ token: token({ sub: 'bob' }) });
      await subscribed(bob, 'open:leave');
      const leave = next(alice, 'leave');
      bob.disconnect();
      assert.equal((await leave).info.user, 'bob');
    });

    test('history, forward from a position and backward', async () => {
      const subscription = await subscribed(await connected(), 'open:history');
      for (const n of [1, 2, 3]) await subscription.publish(encode({ n }));
      const numbers = ({ publications }) => publications.map((it) => decode(it.data).n);

      const first = await subscription.history({ limit: 1 });
      assert.deepEqual(numbers(first), [1]);
      const since = { epoch: first.epoch, offset: 1 };
      assert.deepEqual(numbers(await subscription.history({ since, limit: 10 })), [2, 3]);
      assert.deepEqual(numbers(await subscription.history({ limit: 2, reverse: true })), [3, 2]);
    });

    test('misses nothing when its line is cut', async () => {
      const made = await connected({ minReconnectDelay: 500 });
      const subscription = await subscribed(made, 'open:cut');
      const seen = collected(subscription);
      await server.api('publish', { channel: 'open:cut', data: 1 });
      await filled(seen, subscription, 1);

      const lost = next(subscription, 'subscribing');
      const back = next(subscription, 'subscribed');
      Line.cut();
      await lost;
      await server.api('publish', { channel: 'open:cut', data: 2 });
      const { wasRecovering, recovered } = await back;
      assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: true });
      await server.api('publish', { channel: 'open:cut', data: 3 });
      await filled(seen, subscription, 3);
      assert.deepEqual(seen, [1, 2, 3]);
    });

    test('misses nothing when the server is killed and starts again', async () => {
      const [staying, away] = [await connected(), await connected()];
      const [stayed, left] = [await subscribed(staying, 'open:kill'), await subscribed(away, 'open:kill')];
      const [seen, caught] = [collected(stayed), collected(left)];
      away.disconnect();
      await server.api('publish', { channel: 'open:kill', data: 1 });
      await filled(seen, stayed, 1);

      const back = next(stayed, 'subscribed');
      await server.kill();
      await server.start();
      assert.equal((await back).recovered, true);
      await server.api('publish', { channel: 'open:kill', data: 2 });
      await filled(seen, stayed, 2);
      assert.deepEqual(seen, [1, 2]);

      const again = next(left, 'subscribed');
      away.connect();
      assert.equal((await again).recovered, true);
      await filled(caught, left, 2);
      assert.deepEqual(caught, [1, 2]);
    });

    test('an unknown namespace is refused with 102', async () => {
      const subscription = (await connected()).newSubscription('nowhere:room');
      const context = next(subscription, 'unsubscribed');
      subscription.subscribe();
      assert.equal((await context).code, 102);
    });

    test('a channel that is not allowed is refused with 103', async () => {
      const subscription = (await connected()).newSubscription('closed:room');
      const context = next(subscription, 'unsubscribed');
      subscription.subscribe();
      assert.equal((await context).code, 103);
    });

    test('what a subscriber may not do is refused with 103', async () => {
      const subscription = await subscribed(await connected(), 'closed:mute', {
        token: token({ sub: 'alice', channel: 'closed:mute' }),
      });
      await assert.rejects(subscription.publish(encode({})), refusal(103));
    });

    test('what a channel does not have is refused with 108', async () => {
      const subscription = await subscribed(await connected(), 'closed:bare', {
        token: token({ sub: 'alice', channel: 'closed:bare' }),
      });
      await assert.rejects(subscription.history({ limit: 1 }), refusal(108));
      await assert.rejects(subscription.presence(), refusal(108));
    });

    test('the backend unsubscribes a user', async () => {
      const subscription = await subscribed(await connected({ token: token({ sub: 'carol' }) }), 'open:ended');
      const context = next(subscription, 'unsubscribed');
      await server.api('unsubscribe', { user: 'carol', channel: 'open:ended' });
      assert.equal((await context).code, 2000);
    });

    test('the backend disconnects a user, for good', async () => {
      const made = await connected({ token: token({ sub: 'dave' }) });
      const context = next(made, 'disconnected');
      await server.api('disconnect', { user: 'dave' });
      assert.equal((await context).code, 3503);
    });

    test('the backend subscribes a user', async () => {
      const made = await connected({ token: token({ sub: 'erin' }) });
      const context = next(made, 'subscribed');
      await server.api('subscribe', { user: 'erin', channel: 'closed:inbox' });
      assert.equal((await context).channel, 'closed:inbox');
      const publication = next(made, 'publication');
      await server.api('publish', { channel: 'closed:inbox', data: 'hello' });
      assert.equal(decode((await publication).data), 'hello');
    });

    if (dialect === 'Protobuf') {
      test('bytes arrive as they are, also out of the history', async () => {
        const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
        const subscription = await subscribed(await connected(), 'open:bytes');
        const publication = next(subscription, 'publication');
        await subscription.publish(bytes);
        assert.deepEqual(Buffer.from((await publication).data), Buffer.from(bytes));
        const { publications } = await subscription.history({ limit: 1 });
        assert.deepEqual(Buffer.from(publications[0].data), Buffer.from(bytes));
      });
    }
  });
}

// A minimal Socket.IO server that broadcasts on command, alone or, with PEER_REDIS_URL, as one of several. The contract is
// in ../README.md. The argument `sharded` chooses the adapter for Redis Cluster's sharded channels.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

/** The adapter that shares broadcasts through Redis, once both of its connections are up. */
const shared = async (url) => {
  const publishing = createClient({ url });
  const subscribing = publishing.duplicate();
  for (const client of [publishing, subscribing]) client.on('error', (error) => console.error(error.message));
  await Promise.all([publishing.connect(), subscribing.connect()]);
  return (process.argv[2] === 'sharded' ? createShardedAdapter : createAdapter)(publishing, subscribing);
};

const redis = process.env.PEER_REDIS_URL;
const http = createServer();
const options = redis ? { adapter: await shared(redis) } : {};
const io = new Server(http, { transports: ['websocket'], serveClient: false, ...options });
const epoch = '0193b5a0-0000-7000-8000-000000000000';
const heads = new Map();
// Whoever joins at another server than the one that publishes must be told the right offset, too.
io.on('heads', (known) => {
  for (const [room, head] of known) heads.set(room, head);
});

io.on('connection', (socket) => {
  socket.on('subscribe_many', ({ rooms }, ack) => {
    const results = rooms.map(({ room }) => {
      socket.join(room);
      return { success: true, room, epoch, offset: heads.get(room) ?? 0, recovered: false, events: [] };
    });
    ack({ success: true, results });
  });
});

const stamp = () => String(process.hrtime.bigint() / 1000n).padStart(16, '0');

const envelope = (room, offset, pad) => ({
  v: 1,
  id: randomUUID(),
  type: 'entity_updated',
  payload: {
    entityType: 'item',
    entityId: 'bench',
    campaignId: room.slice(room.indexOf(':') + 1),
    operation: 'update',
    version: offset,
    changedFields: [],
    entityData: { bench: stamp(), pad },
  },
  timestamp: new Date().toISOString(),
  epoch,
  offsets: { [room]: offset },
  metadata: { userId: 'bench', source: 'peer', correlationId: 'bench' },
});

/** The filling that makes an event `size` bytes long; the offset stands in it twice. */
const filling = (room, size) => {
  const full = 'x'.repeat(Math.max(0, size - JSON.stringify(envelope(room, 1, '')).length));
  return (offset) => full.slice(0, Math.max(0, full.length - 2 * (String(offset).length - 1)));
};

const run = ({ rooms, rate, size, seconds, tickMs }) => {
  const pads = rooms.map((room) => filling(room, size));
  const start = performance.now();
  const total = Math.round(rate * seconds);
  let sent = 0;
  const tick = () => {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate) + 1);
    for (; sent < due; sent++) {
      rooms.forEach((room, at) => {
        const offset = (heads.get(room) ?? 0) + 1;
        heads.set(room, offset);
        io.to(room).emit('entity_updated', envelope(room, offset, pads[at](offset)));
      });
    }
    if (sent < total) return;
    clearInterval(timer);
    if (redis) io.serverSideEmit('heads', [...heads]);
    const answer = { heads: rooms.map((room) => heads.get(room) ?? 0), seconds: (performance.now() - start) / 1000 };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  };
  const timer = setInterval(tick, tickMs);
  tick();
};

http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ listening: http.address().port })}\n`);
});
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => run(JSON.parse(line)));
commands.on('close', () => process.exit(0));

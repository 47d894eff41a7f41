// Watches one room: prints every event, remembers how far it got, and continues there when it is started again.
//
//   TOKEN=… node watch.mjs campaign:0193…
//
// Nothing in here is Fanfare's: this is the unmodified socket.io-client.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { io } from "socket.io-client";

const [room] = process.argv.slice(2);
const { FANFARE_URL = "http://127.0.0.1:3000", TOKEN: token } = process.env;
if (!room || !token) {
    console.error("usage: TOKEN=… node watch.mjs campaign:ID");
    process.exit(2);
}

// How far this program has got in the room. A page would keep it in memory; this one survives its own end.
const file = "position.json";
let position = existsSync(file) ? JSON.parse(readFileSync(file, "utf8"))[room] : undefined;

function apply(event) {
    position = { epoch: event.epoch, offset: event.offsets[room] };
    writeFileSync(file, JSON.stringify({ [room]: position }));
    console.log(`${String(position.offset).padStart(4)}  ${event.type}  ${describe(event.payload)}`);
}

function describe({ settlementData, changedFields, fields, reason, newTime }) {
    if (settlementData) return `${settlementData.name}: ${changedFields.map((name) => `${name} = ${settlementData[name]}`)}`;
    return newTime ?? [fields, reason].filter(Boolean).join("; ");
}

const socket = io(FANFARE_URL, { transports: ["websocket"], auth: { token } });

// After every connect, the first and each one that follows a cut: join, from where we were. A callback, not a promise:
// the next event may be in the same read from the network, and must not be handled before the answer.
socket.on("connect", () => {
    socket.emit("subscribe", { room, position }, (answer) => {
        if (!answer.success) {
            console.error(`refused: ${answer.code}: ${answer.error}`);
            process.exit(1);
        }
        if (answer.recovered) {
            console.log(`back at ${answer.offset}, missed ${answer.events.length}`);
            answer.events.forEach(apply);
        } else {
            console.log(`joined at ${answer.offset}: now is the time to read the state`);
            position = { epoch: answer.epoch, offset: answer.offset };
        }
    });
});

// Everything that belongs to a log has offsets; what the server says to this connection alone has none.
socket.onAny((_name, event) => {
    if (event?.offsets && room in event.offsets) apply(event);
});
socket.on("connect_error", (error) => console.error(`cannot connect: ${error.message}`));
socket.on("disconnect", (reason) => console.log(`disconnected: ${reason}`));

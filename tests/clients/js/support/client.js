// The official client, as applications use it, with its errors kept short.
import { io } from "socket.io-client";
import { token } from "./tokens.js";
import { inTime, PATIENCE } from "./wait.js";

/** A client that comes back quickly; `options` go to socket.io-client as they are. It ends with the test. */
export function client(t, url, options = {}) {
    const socket = io(url, {
        transports: ["websocket"],
        forceNew: true,
        reconnectionDelay: 50,
        reconnectionDelayMax: 200,
        randomizationFactor: 0,
        ...options,
    });
    t.after(() => socket.close());
    return socket;
}

/** A connected client of the user's, with its `welcome`. */
export async function connected(t, url, user, options = {}) {
    const socket = client(t, url, { auth: { token: token(user) }, ...options });
    socket.welcome = await welcomed(socket);
    return socket;
}

/** The next `welcome`; a refusal is an error. */
export function welcomed(socket) {
    const answered = new Promise((resolve, reject) => {
        socket.once("welcome", resolve);
        socket.once("connect_error", reject);
    });
    return inTime(answered, "welcome");
}

/** Sends a command and returns its acknowledgement. */
export const command = (socket, name, ...payload) => socket.timeout(PATIENCE).emitWithAck(name, ...payload);

/** Everything that arrives with a name, in order, from now on. */
export function record(socket) {
    const seen = [];
    socket.onAny((name, value) => seen.push([name, value]));
    return seen;
}

/** Resolves when everything that was on its way has arrived: an answer comes behind it. */
export const settled = (socket) => command(socket, "ping");

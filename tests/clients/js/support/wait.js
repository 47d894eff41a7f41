// Waiting for what happens, never for time to pass.
import { setTimeout as delay } from "node:timers/promises";

/** Whatever a test waits for has to come by then. */
export const PATIENCE = 10_000;

/** The promise's outcome, or an error that says what did not come. */
export function inTime(promise, what, limit = PATIENCE) {
    let timer;
    const late = new Promise((_, reject) => {
        // The stack is taken here, where the test waits.
        const error = new Error(`${what} did not come within ${limit} ms`);
        timer = setTimeout(() => reject(error), limit);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The first event of that name which `accept` agrees to; its argument. */
export function event(emitter, name, accept = () => true, limit = PATIENCE) {
    let listener;
    const arrived = new Promise((resolve) => {
        listener = (value) => accept(value) && resolve(value);
        emitter.on(name, listener);
    });
    const outcome = inTime(arrived, `the event ${name}`, limit).finally(() => emitter.off(name, listener));
    // Whoever waits is told; a test that has failed elsewhere no longer does.
    outcome.catch(() => {});
    return outcome;
}

/** Asks again and again until it is so. */
export async function until(isSo, what, limit = PATIENCE) {
    const deadline = Date.now() + limit;
    while (!(await isSo())) {
        if (Date.now() > deadline) throw new Error(`${what} did not become so within ${limit} ms`);
        await delay(20);
    }
}

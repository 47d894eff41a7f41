// The topology of docker-compose.yml from plain processes, as `make cluster` starts it: two instances behind a balancer.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { client, command, connected, welcomed } from "../support/client.js";
import { token } from "../support/tokens.js";
import { BINARY, SECRET } from "../support/server.js";
import { event, inTime, until } from "../support/wait.js";
import { World } from "../support/world.js";

const SCRIPT = path.resolve(import.meta.dirname, "../../../../scripts/cluster.sh");
/** A first start makes a database cluster. */
const START = 60_000;

/** What the script cannot do without; what is missing of it. */
function missing(balancer) {
    const found = (program) => spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${program}`]).status === 0;
    const programs = ["redis-server", "setpriv", balancer].filter((program) => !found(program));
    if (!existsSync("/usr/lib/postgresql") && !found("initdb")) programs.push("postgresql");
    return programs;
}

/** Skips the test where a program is missing, unless skipping is a failure. */
function needs(t, balancer) {
    const programs = missing(balancer);
    if (programs.length === 0) return true;
    assert.notEqual(process.env.CI, "true", `missing: ${programs}`);
    t.skip(`missing: ${programs}`);
    return false;
}

/** A running `scripts/cluster.sh`. */
class Cluster {
    said = [];

    static async start(t, balancer) {
        const cluster = new Cluster();
        cluster.child = spawn(SCRIPT, [], {
            env: {
                PATH: process.env.PATH,
                FANFARE_BIN: BINARY,
                FANFARE_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000",
                BALANCER: balancer,
                RESTART_DELAY: "1",
                CLUSTER_SECRET: SECRET,
            },
            stdio: ["ignore", "pipe", "pipe"],
        });
        t.after(() => cluster.end());
        for (const stream of [cluster.child.stdout, cluster.child.stderr]) {
            createInterface({ input: stream }).on("line", (line) => cluster.said.push(line));
        }
        await cluster.says(/Ctrl-C ends all of it/, START);
        cluster.folder = cluster.said.map((line) => /^ {2}logs +(\S+)\/log\/$/.exec(line)?.[1]).find(Boolean);
        const settings = readFileSync(path.join(cluster.folder, "env"), "utf8");
        const setting = (name) => new RegExp(`\\b${name}=(\\S+)`).exec(settings)[1];
        // As the helpers for single servers want it.
        [cluster.front, ...cluster.instances] = ["FANFARE_URL", "INSTANCE_1", "INSTANCE_2"].map((name) => ({ url: setting(name) }));
        cluster.metrics = ["METRICS_1", "METRICS_2"].map(setting);
        return cluster;
    }

    /** Waits until it has said something like that. */
    says(pattern, limit) {
        const said = () => {
            assert.equal(this.child.exitCode, null, this.said.join("\n"));
            return this.said.some((line) => pattern.test(line));
        };
        return until(said, `the line ${pattern}`, limit);
    }

    pid(name) {
        return Number(readFileSync(path.join(this.folder, `${name}.pid`), "utf8"));
    }

    /** The open connections of each instance. */
    connections() {
        const count = async (url) => {
            const text = await (await fetch(url)).text();
            return Number(/^ws_connections_active (\d+)/m.exec(text)?.[1] ?? 0);
        };
        return Promise.all(this.metrics.map(count));
    }

    /** Ctrl-C. */
    async end() {
        if (this.child.exitCode !== null || this.child.signalCode !== null) return;
        const ended = once(this.child, "exit");
        this.child.kill("SIGINT");
        await inTime(ended, "the end of the cluster", 45_000);
    }
}

/** The processes whose command line names the folder. */
function processesIn(folder) {
    const command = (pid) => {
        try {
            return readFileSync(`/proc/${pid}/cmdline`, "utf8");
        } catch {
            return ""; // it has ended meanwhile
        }
    };
    return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && command(entry).includes(folder));
}

for (const balancer of ["nginx", "haproxy"]) {
    // req: T01, T11, N29
    test(`a cluster behind ${balancer}: an event reaches the clients of both instances, a killed one costs nothing, nothing is left`, async (t) => {
        if (!needs(t, balancer)) return;
        const cluster = await Cluster.start(t, balancer);
        const world = await World.make(cluster.front);

        // By their number, so the second one lands on the other instance.
        const first = await connected(t, cluster.front.url, "ada");
        const second = await connected(t, cluster.front.url, "ben");
        assert.deepEqual(await cluster.connections(), [1, 1]);

        for (const socket of [first, second]) await command(socket, "subscribe", { room: world.rooms.campaign });
        for (const [number, instance] of cluster.instances.entries()) {
            const name = `Committed by ${number}`;
            const isIt = ({ payload }) => payload.settlementData.name === name;
            const seen = [first, second].map((socket) => event(socket, "settlement_updated", isIt));
            await world.rename(name, instance);
            await Promise.all(seen);
        }

        // Its client comes back through the balancer, at the instance that is left, by itself.
        const back = Promise.any([first, second].map(welcomed));
        process.kill(cluster.pid("instance-1"), "SIGKILL");
        await inTime(back, "the return of the killed instance's client");
        await cluster.says(/instance-1 is started again/);
        const third = client(t, cluster.front.url, { auth: { token: token("cyd") } });
        await welcomed(third);

        const processes = processesIn(cluster.folder);
        assert.ok(processes.length >= 2, "the databases and the balancer name their folder");
        await cluster.end();
        assert.equal(cluster.child.exitCode, 0, cluster.said.join("\n"));
        assert.deepEqual(processesIn(cluster.folder), []);
        assert.ok(!existsSync(cluster.folder));
    });
}

// The first page: sign in, choose a campaign, watch it live. No build step, no framework.
import { io } from "/site/socket.io.esm.min.js";

const $ = (id) => document.getElementById(id);
const PEOPLE = [
  { userId: "ada", name: "Ada", about: "Owns the Coast, runs the Marches" },
  { userId: "ben", name: "Ben", about: "Runs the Coast, owns the Marches" },
  { userId: "cyd", name: "Cyd", about: "Plays on the Coast" },
  { userId: "dan", name: "Dan", about: "Watches the Coast, plays in the Marches" },
];
const STEPS = [["1 hour", 1, "HOURS"], ["1 day", 1, "DAYS"], ["1 week", 1, "WEEKS"]];
const RANK = { VIEWER: 0, PLAYER: 1, GM: 2, OWNER: 3 };
const WORLD = `query World($id: ID!) { campaign(id: $id) { id name description worldTime version myRole
  settlements(first: 100) { nodes { id name level population version defense prosperity capacity
    structures(first: 50) { nodes { id name finished completesAt } } } } } }`;

// Kept for the tab alone, so that two tabs can be two people.
let session = JSON.parse(sessionStorage.getItem("fanfare") ?? "null");
let socket = null;
let campaigns = [];
let campaign = null; // what the server said last
let place = null; // { room, epoch, offset }: how far this page has got
let seen = new Set();
let pendingRead = null;

// --- DOM ---------------------------------------------------------------------------------------

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function notice(text) {
  $("notice").textContent = text ?? "";
  $("notice").hidden = !text;
}

function link(state, text) {
  $("link").dataset.state = state;
  $("link").textContent = text;
}

const CALENDAR = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit",
});
const worldTime = (text) => CALENDAR.format(new Date(text));

// --- HTTP --------------------------------------------------------------------------------------

async function post(path, body, token = session?.token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401) signOut("Your token is no longer valid; sign in again.");
  throw new Error(answer.detail ?? `The server answered ${response.status}.`);
}

async function graphql(query, variables) {
  const answer = await post("/graphql", { query, variables });
  if (answer.errors) throw new Error(answer.errors[0].message);
  return answer.data;
}

/** Runs what a person asked for; what goes wrong is told, not thrown. */
async function attempt(action) {
  notice();
  try {
    await action();
  } catch (error) {
    notice(error instanceof TypeError ? "The server cannot be reached." : error.message);
  }
}

const requestId = () => globalThis.crypto.randomUUID?.() ?? `page-${Date.now()}-${Math.random()}`;

// --- signing in --------------------------------------------------------------------------------

async function signIn(person) {
  const login = { userId: person.userId, name: person.name };
  const { token } = person.token ? person : await post("/api/dev/login", login, null);
  session = { ...person, token };
  await start().catch((error) => {
    session = null;
    throw error;
  });
  sessionStorage.setItem("fanfare", JSON.stringify(session));
}

function signOut(reason) {
  socket?.disconnect();
  session = socket = campaign = place = null;
  campaigns = [];
  sessionStorage.removeItem("fanfare");
  show();
  notice(reason);
}

async function start() {
  const data = await graphql("{ viewer { userId name } campaigns(first: 100) { nodes { id name myRole } } }");
  session.userId = data.viewer.userId;
  campaigns = data.campaigns.nodes;
  connect();
  show();
  if (campaigns.length > 0) open(campaigns[0].id);
  else notice("You are not a member of any campaign yet.");
}

// --- the live connection -----------------------------------------------------------------------

function connect() {
  socket = io({ transports: ["websocket"], auth: (send) => send({ token: session?.token }),
    reconnectionDelay: 1000, reconnectionDelayMax: 32000 });
  link("wait", "Connecting…");
  socket.on("connect", () => {
    link("live", `Live as ${session.name ?? session.userId}`);
    if (campaign) subscribe();
  });
  socket.on("disconnect", () => link("lost", "Disconnected"));
  socket.on("connect_error", (error) => {
    if (error.message.startsWith("token_")) signOut("Your token is no longer valid; sign in again.");
    else link("wait", "Reconnecting…");
  });
  socket.io.on("reconnect_attempt", (n) => link("wait", `Reconnecting (${n})…`));
  socket.on("draining", ({ reconnectAfterMs }) => setTimeout(() => socket?.disconnect().connect(), reconnectAfterMs));
  socket.on("room_state_invalidated", ({ room }) => room === place?.room && subscribe(false));
  socket.on("unsubscribed", ({ room }) => room === place?.room && attempt(start));
  socket.on("heads", ({ epoch, rooms }) => {
    const behind = () => place && (epoch !== place.epoch || rooms[place.room] > place.offset);
    if (behind()) setTimeout(() => behind() && subscribe(), 1000);
  });
  socket.on("token_expiring", () => note("Your token ends in half a minute."));
  socket.onAny((type, event) => event?.offsets && receive(event));
}

/** Joins the campaign's room where this page left off, and reads the state when that cannot be continued. */
function subscribe(continued = true) {
  const room = `campaign:${campaign.id}`;
  const known = continued && place?.room === room;
  const request = known ? { room, position: { epoch: place.epoch, offset: place.offset } } : { room };
  socket.timeout(10000).emit("subscribe", request, (error, ack) => {
    if (error || campaign === null || room !== `campaign:${campaign.id}`) return;
    if (!ack.success) return notice(ack.error);
    if (ack.recovered) {
      if (ack.events.length > 0) note(`Caught up with ${ack.events.length} missed events.`);
      ack.events.forEach(receive);
    } else {
      if (known) note("Too much was missed: the state was read again.");
      read();
    }
    place = { room, epoch: ack.epoch, offset: ack.offset };
  });
}

function receive(event) {
  const offset = event.offsets[place?.room];
  if (offset === undefined || seen.has(event.id)) return;
  if (seen.size > 1000) seen = new Set();
  seen.add(event.id);
  place = { ...place, epoch: event.epoch, offset };
  tell(event, offset);
  // Computed values are the server's to compute: read them again, once for a burst of events.
  pendingRead ??= setTimeout(read, 40);
}

// --- the campaign ------------------------------------------------------------------------------

function open(id) {
  if (place) socket.emit("unsubscribe", { room: place.room }, () => {});
  campaign = { id };
  place = null;
  $("events").replaceChildren();
  note("Everything that happens in this campaign appears here.");
  if (socket.connected) subscribe();
  show();
}

async function read() {
  clearTimeout(pendingRead);
  pendingRead = null;
  const id = campaign?.id;
  await attempt(async () => {
    const data = await graphql(WORLD, { id });
    // The answer to a question about another campaign, or older than what is shown.
    if (campaign?.id !== id || data.campaign.version < campaign.version) return;
    const before = new Map(campaign.settlements?.nodes.map((settlement) => [settlement.id, settlement]));
    campaign = data.campaign;
    const focused = document.activeElement?.dataset.settlement;
    drawCampaign();
    $("settlements").replaceChildren(...campaign.settlements.nodes.map((s) => card(s, before.get(s.id))));
    if (focused) document.querySelector(`[data-settlement="${focused}"]`)?.focus();
  });
}

function card(settlement, before) {
  const building = settlement.structures.nodes.filter((structure) => !structure.finished);
  const next = building.map((s) => s.completesAt).sort()[0];
  const stats = ["defense", "prosperity", "capacity"].map((name) => {
    const delta = before ? settlement[name] - before[name] : 0;
    const sign = delta > 0 ? `+${delta}` : `−${-delta}`;
    const change = delta === 0 ? null : el("span", { className: delta < 0 ? "delta less" : "delta" }, sign);
    return el("div", {}, el("dt", {}, name), el("dd", {}, String(settlement[name]), change));
  });
  const changed = before && JSON.stringify(before) !== JSON.stringify(settlement);
  const grow = el("button", { className: "quiet", type: "button", disabled: RANK[campaign.myRole] < RANK.PLAYER,
    onclick: () => attempt(() => graphql(
      `mutation ($id: ID!, $population: Int!, $version: Int!, $request: ID!) { updateSettlement(id: $id,
         input: { population: $population }, expectedVersion: $version, requestId: $request) { version } }`,
      { id: settlement.id, population: settlement.population + 25, version: settlement.version, request: requestId() })),
  }, "Welcome 25 people");
  grow.dataset.settlement = settlement.id;
  return el("li", { className: changed ? "card changed" : "card" },
    el("div", {}, el("h3", {}, settlement.name),
      el("p", { className: "hint" }, `Level ${settlement.level}, ${settlement.population.toLocaleString("en")} people`)),
    el("dl", { className: "stats" }, ...stats),
    el("p", { className: "hint" }, building.length === 0 ? `${settlement.structures.nodes.length} structures, all finished`
      : `${building.length} under construction, the next until ${worldTime(next)}`),
    el("div", { className: "row" }, grow));
}

// --- the feed ----------------------------------------------------------------------------------

function tell(event, offset) {
  const own = event.metadata.userId === session?.userId;
  add(el("li", {}, el("div", {}, sentence(event)),
    el("div", { className: "row spread" },
      el("span", { className: own ? "place own" : "place" }, `${event.type} #${offset} by ${own ? "you" : event.metadata.userId}`),
      el("time", { dateTime: event.timestamp }, new Date(event.timestamp).toLocaleTimeString()))));
}

function sentence({ type, payload: p }) {
  const name = (id) => campaign.settlements?.nodes.find((s) => s.id === id)?.name ?? "a settlement";
  const how = { create: "is new", update: "changed", delete: "is gone" }[p.operation] ?? "changed";
  const what = p.operation === "update" && p.changedFields?.length ? `${how}: ${p.changedFields.join(", ")}` : how;
  switch (type) {
    case "world_time_changed": return `The world time moved to ${worldTime(p.newTime)}.`;
    case "settlement_updated": return `${p.settlementData?.name ?? name(p.settlementId)} ${what}.`;
    case "structure_updated":
      return `${p.structureData?.name ?? "A structure"} in ${name(p.settlementId)} ${what}.`;
    case "state_invalidated": {
      const ids = p.entities?.map((entity) => entity.entityId) ?? p.entityIds;
      return `New values for ${ids ? ids.map(name).join(", ") : "the campaign"}.`;
    }
    case "membership_changed": return `${p.userId} is now ${p.role ?? "no longer a member"}.`;
    default: return `The ${p.entityType ?? type} ${what}.`;
  }
}

function note(text) {
  add(el("li", { className: "note hint" }, text));
}

function add(entry) {
  $("events").prepend(entry);
  while ($("events").childElementCount > 100) $("events").lastChild.remove();
}

// --- the page ----------------------------------------------------------------------------------

function drawCampaign() {
  $("campaign-name").textContent = campaign.name ?? "";
  $("campaign-about").textContent = campaign.description ?? "";
  $("clock").textContent = campaign.worldTime ? worldTime(campaign.worldTime) : "…";
  const mayAdvance = RANK[campaign.myRole] >= RANK.GM;
  $("role").textContent = campaign.myRole ? `Your role is ${campaign.myRole}.${mayAdvance ? "" : " The clock is the GM's."}` : "";
  for (const button of $("advance").children) button.disabled = !mayAdvance;
}

function show() {
  $("welcome").hidden = session !== null;
  $("world").hidden = session === null || campaign === null;
  $("sign-out").hidden = session === null;
  if (session === null) link("off", "Signed out");
  $("campaigns").replaceChildren(...campaigns.map(({ id, name }) => {
    const button = el("button", { type: "button", onclick: () => campaign?.id !== id && open(id) }, name);
    button.setAttribute("aria-pressed", String(id === campaign?.id));
    return button;
  }));
  $("settlements").replaceChildren();
  if (campaign) drawCampaign();
}

$("people").append(...PEOPLE.map((person) => el("li", {}, el("button", { type: "button",
  onclick: () => attempt(() => signIn(person)) }, el("strong", {}, person.name), el("span", { className: "hint" }, person.about)))));
$("advance").append(...STEPS.map(([label, amount, unit]) => el("button", { type: "button",
  onclick: () => attempt(() => graphql(
    "mutation ($id: ID!, $amount: Int!, $unit: TimeUnit!, $request: ID!) { advanceWorldTime(campaignId: $id, amount: $amount, unit: $unit, requestId: $request) { version } }",
    { id: campaign.id, amount, unit, request: requestId() })) }, `+ ${label}`)));
$("token-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => signIn({ token: $("token").value.trim() }));
};
$("sign-out").onclick = () => signOut();
$("cut").onclick = () => {
  socket.disconnect();
  note("The line is cut for five seconds.");
  setTimeout(() => socket?.connect(), 5000);
};
show();
if (session) attempt(start);

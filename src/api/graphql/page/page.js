// Sends what is written to /graphql and shows what comes back. The token stays in this tab.
"use strict";

const element = (id) => document.getElementById(id);
const token = element("token");
const query = element("query");
token.value = sessionStorage.getItem("token") ?? "";
query.value = sessionStorage.getItem("query") ?? query.value;

async function post(path, body, headers = {}) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

function show(status, body) {
  element("status").textContent = status;
  element("answer").textContent = typeof body === "string" ? body : JSON.stringify(body, null, 2);
}

element("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const userId = element("user").value.trim();
  try {
    const { status, body } = await post("/api/dev/login", { userId });
    if (body.token) {
      token.value = body.token;
      sessionStorage.setItem("token", body.token);
      show("", `You are ${userId} now.`);
    } else {
      show(String(status), body);
    }
  } catch (error) {
    show("", String(error));
  }
});

async function run() {
  sessionStorage.setItem("token", token.value);
  sessionStorage.setItem("query", query.value);
  show("…", "");
  try {
    const variables = JSON.parse(element("variables").value || "{}");
    const started = performance.now();
    const headers = token.value ? { authorization: `Bearer ${token.value.trim()}` } : {};
    const { status, body } = await post("/graphql", { query: query.value, variables }, headers);
    show(`${status}, ${Math.round(performance.now() - started)} ms`, body);
  } catch (error) {
    show("", String(error));
  }
}

element("run").addEventListener("click", run);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});

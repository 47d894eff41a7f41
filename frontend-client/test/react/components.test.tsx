// @vitest-environment jsdom
import { act, fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ConnectionBadge, ConnectionNotices } from "../../src/react/index.js";
import { fakeTime, setup } from "../support.js";
import { during, elapse, reactTests, within } from "./support.js";

fakeTime();
reactTests();

const badge = () => document.querySelector("[data-fanfare=badge]");
const notices = () => screen.getByRole("status");

// req: T14
describe("the badge", () => {
  it("is not there while the connection is up, or only just down", async () => {
    const { server, fanfare } = setup();
    render(<ConnectionBadge />, { wrapper: within(fanfare) });
    expect(badge()).toBeNull();
    await elapse();
    expect(badge()).toBeNull();
    await elapse(5000);
    await during(() => server.cut());
    await elapse(399);
    expect(badge()).toBeNull();
    await elapse(601);
    expect(badge()).toBeNull();
  });

  it("shows the attempts, counts down, and tries at once when it is told to", async () => {
    const { server, fanfare } = setup();
    render(<ConnectionBadge className="mine" />, { wrapper: within(fanfare) });
    await elapse();
    server.refuseConnections = "unreachable";
    await during(() => server.cut());
    await elapse(400);
    expect(badge()?.textContent).toBe("Reconnecting, attempt 1 in 1 s Try now");
    expect(badge()?.getAttribute("data-status")).toBe("reconnecting");
    expect(badge()?.className).toBe("mine");
    await elapse(3500);
    expect(badge()?.textContent).toMatch(/^Reconnecting, attempt 4 in \d s Try now$/);
    server.refuseConnections = null;
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    await elapse();
    expect(badge()).toBeNull();
  });

  it("says that the attempts are used up", async () => {
    const { server, fanfare } = setup();
    server.refuseConnections = "unreachable";
    render(<ConnectionBadge />, { wrapper: within(fanfare) });
    await elapse(400);
    expect(badge()?.textContent).toMatch(/^Reconnecting/);
    await elapse(120_000);
    expect(badge()?.getAttribute("data-status")).toBe("failed");
    expect(badge()?.textContent).toMatch(/^No connection, next attempt in \d+ s Try now$/);
  });

  it("speaks another language, and of a connection that is up, when asked", async () => {
    const { fanfare } = setup();
    render(<ConnectionBadge showConnected labels={{ connected: "Verbunden" }} />, {
      wrapper: within(fanfare),
    });
    await elapse();
    expect(badge()?.textContent).toBe("Verbunden");
    act(() => fanfare.disconnect());
    await elapse(400);
    expect(badge()?.textContent).toBe("Offline");
  });
});

/** Shows the notices of a client whose server has gone, for so long that they tell of it. */
async function noticedLoss() {
  const { server, fanfare } = setup();
  render(<ConnectionNotices />, { wrapper: within(fanfare) });
  await elapse();
  server.refuseConnections = "unreachable";
  await during(() => server.cut());
  await elapse(2000);
  return server;
}

// req: T24, N26
describe("the notices", () => {
  it("are silent at the start, and about a blink", async () => {
    const { server, fanfare } = setup();
    render(<ConnectionNotices />, { wrapper: within(fanfare) });
    expect(notices().textContent).toBe("");
    await elapse(10_000);
    await during(() => server.cut());
    await elapse(1500);
    expect(notices().textContent).toBe("");
    await elapse(10_000);
    expect(notices().textContent).toBe("");
  });

  it("tell of the loss, then of the return, then nothing", async () => {
    const server = await noticedLoss();
    expect(notices().textContent).toContain("The connection was lost.");
    expect(notices().getAttribute("data-notice")).toBe("lost");
    server.refuseConnections = null;
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    await elapse();
    expect(notices().textContent?.trim()).toBe("Connected again.");
    await elapse(4000);
    expect(notices().textContent).toBe("");
  });

  it("do not tell of a return that is over again", async () => {
    const server = await noticedLoss();
    server.refuseConnections = null;
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    await elapse();
    expect(notices().getAttribute("data-notice")).toBe("back");
    server.refuseConnections = "unreachable";
    await during(() => server.cut());
    expect(notices().textContent).toBe("");
    await elapse(2000);
    expect(notices().getAttribute("data-notice")).toBe("lost");
  });

  it("tell at once that there is no connection to be had", async () => {
    const { server, fanfare } = setup();
    server.refuseConnections = "token_invalid";
    render(<ConnectionNotices>{(notice) => <b>{notice}</b>}</ConnectionNotices>, {
      wrapper: within(fanfare),
    });
    await elapse(2000);
    expect(notices().innerHTML).toBe("<b>gone</b>");
  });

  it("say nothing when the application itself ends the connection", async () => {
    const { fanfare } = setup();
    render(<ConnectionNotices />, { wrapper: within(fanfare) });
    await elapse();
    act(() => fanfare.disconnect());
    await elapse(10_000);
    expect(notices().textContent).toBe("");
  });
});

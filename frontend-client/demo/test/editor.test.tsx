// @vitest-environment jsdom
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CampaignContext } from "../src/pages/campaign-context.js";
import { Editor } from "../src/parts/editor.js";
import { NumberField } from "../src/parts/field.js";
import { Flash } from "../src/parts/flash.js";
import { Numbers } from "../src/parts/numbers.js";
import type { CampaignWithWorld } from "../src/world/documents.js";

interface Town {
  readonly name: string;
  readonly population: number;
  readonly version: number;
}

const before: Town = { name: "Hollowford", population: 420, version: 1 };
const refusal = (code: string, details: object = {}) =>
  new CombinedGraphQLErrors({
    data: null,
    errors: [{ message: `It is ${code}.`, extensions: { code, ...details } }],
  });

const save = vi.fn<(changes: Partial<Town>, version: number) => Promise<void>>();
const reread = vi.fn<() => Promise<Town | null>>();
const onDone = vi.fn();

const editor = (current: Town) => (
  <Editor<Town>
    current={current}
    fields={["name", "population"]}
    labelOf={(field) => field.toUpperCase()}
    show={(_, value) => String(value)}
    save={save}
    reread={reread}
    onDone={onDone}
  >
    {({ draft, set, errors, theirs }) => (
      <>
        <input aria-label="name" value={draft.name} onChange={({ target }) => set("name", target.value)} />
        <input
          aria-label="population"
          value={draft.population}
          onChange={({ target }) => set("population", Number(target.value))}
        />
        {errors["population"]}
        {theirs("population")}
      </>
    )}
  </Editor>
);

const type = (field: string, value: string) =>
  fireEvent.change(screen.getByLabelText(field), { target: { value } });
const press = (id: string) => act(async () => fireEvent.click(screen.getByTestId(id)));

beforeEach(() => {
  vi.resetAllMocks();
  save.mockResolvedValue();
  // jsdom knows the element, but not that it can be modal.
  HTMLDialogElement.prototype.showModal = function show() {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function close() {
    this.open = false;
  };
});
afterEach(cleanup);

// req: T16
describe("the editor", () => {
  it("saves what was changed, over the version that editing began with", async () => {
    const { rerender } = render(editor(before));
    type("population", "500");
    rerender(editor({ ...before, name: "Highford", version: 2 }));
    await press("save");
    expect(save.mock.calls).toEqual([[{ population: 500 }, 1]]);
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("saves nothing when nothing was changed", async () => {
    render(editor(before));
    await press("save");
    expect(save).not.toHaveBeenCalled();
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("says at once when somebody else changes the field", () => {
    const { rerender } = render(editor(before));
    type("population", "500");
    expect(screen.queryByTestId("theirs-population")).toBeNull();
    rerender(editor({ ...before, population: 640, version: 2 }));
    expect(screen.getByTestId("theirs-population").textContent).toContain("640");
    rerender(editor({ ...before, population: 500, version: 3 }));
    expect(screen.queryByTestId("theirs-population")).toBeNull();
  });

  it("shows a conflict, and saves the user's own over theirs when told so", async () => {
    save.mockRejectedValueOnce(refusal("VERSION_CONFLICT", { expected: 1, actual: 2 }));
    reread.mockResolvedValue({ ...before, population: 640, version: 2 });
    render(editor(before));
    type("population", "500");
    await press("save");
    const row = screen.getByTestId("conflict-population");
    expect(row.textContent).toBe("POPULATION420640500");
    expect(row.dataset["contested"]).toBe("true");
    expect(screen.queryByTestId("conflict-name")).toBeNull();
    expect(onDone).not.toHaveBeenCalled();
    await press("conflict-mine");
    expect(save.mock.calls[1]).toEqual([{ population: 500 }, 2]);
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("takes theirs, or goes on, when told so", async () => {
    save.mockRejectedValue(refusal("VERSION_CONFLICT"));
    reread.mockResolvedValue({ ...before, name: "Highford", version: 2 });
    render(editor(before));
    type("population", "500");
    await press("save");
    expect(screen.getByTestId("conflict-mine").textContent).toBe("Keep both");
    await press("conflict-edit");
    expect(screen.queryByTestId("conflict")).toBeNull();
    expect(screen.getByLabelText<HTMLInputElement>("population").value).toBe("500");
    await press("save");
    await press("conflict-theirs");
    expect([save.mock.calls.length, onDone.mock.calls.length]).toEqual([2, 1]);
  });

  it("is left by Escape, with a question when something has been typed", () => {
    const confirm = vi.spyOn(window, "confirm").mockReturnValue(false);
    const pressEscape = () => fireEvent.keyDown(screen.getByLabelText("population"), { key: "Escape" });
    render(editor(before));
    pressEscape();
    expect([onDone.mock.calls.length, confirm.mock.calls.length]).toEqual([1, 0]);
    type("population", "500");
    pressEscape();
    expect([onDone.mock.calls.length, confirm.mock.calls.length]).toEqual([1, 1]);
    confirm.mockReturnValue(true);
    pressEscape();
    expect(onDone).toHaveBeenCalledTimes(2);
  });

  it("stays open with the server's word on each field when it refuses", async () => {
    save.mockRejectedValue(
      refusal("BAD_REQUEST", { details: [{ field: "input.population", message: "must be at least 0" }] }),
    );
    render(editor(before));
    type("population", "-5");
    await press("save");
    expect(screen.getByText("must be at least 0")).toBeTruthy();
    expect(onDone).not.toHaveBeenCalled();
  });
});

describe("the focus", () => {
  const campaign = { id: "c", name: "C", myRole: "PLAYER" } as CampaignWithWorld;
  const value = { campaign, refresh: async () => {}, nameOf: String };
  const numbers = (form: (onDone: () => void) => ReactNode) => (
    <CampaignContext value={value}>
      <Numbers stats={null} form={form} />
      <button type="button">Elsewhere</button>
    </CampaignContext>
  );
  const form = (done: () => void) => {
    onDone.mockImplementation(done);
    return editor(before);
  };
  const open = async () => {
    screen.getByTestId("edit").focus();
    await press("edit");
    expect(document.activeElement).toBe(screen.getByLabelText("name"));
  };

  it("goes to the first field, and back to the button when the form is done", async () => {
    render(numbers(form));
    expect(document.activeElement).toBe(document.body);
    for (const leave of [
      () => press("cancel"),
      () => press("save"),
      () => act(async () => fireEvent.keyDown(screen.getByLabelText("name"), { key: "Escape" })),
    ]) {
      await open();
      await leave();
      expect(document.activeElement).toBe(screen.getByTestId("edit"));
    }
  });

  it("goes back to the button, too, when somebody else's changes are taken", async () => {
    save.mockRejectedValue(refusal("VERSION_CONFLICT"));
    reread.mockResolvedValue({ ...before, population: 640, version: 2 });
    render(numbers(form));
    await open();
    type("population", "500");
    await press("save");
    await press("conflict-theirs");
    expect(document.activeElement).toBe(screen.getByTestId("edit"));
  });

  it("stays where the user has moved it meanwhile", async () => {
    let saved = () => {};
    save.mockReturnValue(
      new Promise((resolve) => {
        saved = resolve;
      }),
    );
    render(numbers(form));
    await open();
    type("population", "500");
    await press("save");
    screen.getByText("Elsewhere").focus();
    await act(async () => saved());
    expect(screen.getByTestId("edit")).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByText("Elsewhere"));
  });
});

describe("a field for a number", () => {
  it("may be empty while somebody types, and shows what the draft has otherwise", () => {
    const onChange = vi.fn();
    const field = (value: number) => <NumberField label="People" value={value} onChange={onChange} />;
    const { rerender } = render(field(420));
    const input = screen.getByLabelText<HTMLInputElement>("People");
    type("People", "");
    expect([input.value, onChange.mock.calls]).toEqual(["", []]);
    type("People", "5");
    expect(onChange.mock.calls).toEqual([[5]]);
    rerender(field(5));
    expect(input.value).toBe("5");
    // Somebody else's value, taken over.
    rerender(field(640));
    expect(input.value).toBe("640");
  });
});

describe("a value that lights up", () => {
  it("does so once for each change, and not when it is first known", () => {
    const shown = () => screen.getByTestId("value");
    const { rerender } = render(<Flash value={undefined} testId="value" />);
    rerender(<Flash value={5} testId="value" />);
    expect([shown().className, shown().dataset["changes"]]).toEqual(["", "0"]);
    rerender(<Flash value={5} testId="value" />);
    expect(shown().dataset["changes"]).toBe("0");
    const first = shown();
    rerender(<Flash value={6} testId="value" />);
    expect([shown().className, shown().dataset["changes"]]).toEqual(["flash", "1"]);
    expect(shown()).not.toBe(first);
    rerender(<Flash value={7} testId="value" />);
    expect(shown().dataset["changes"]).toBe("2");
  });
});

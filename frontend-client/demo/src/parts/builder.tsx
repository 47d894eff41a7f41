import { useMutation } from "@apollo/client/react";
import { type FormEvent, useState } from "react";
import { useCampaign } from "../pages/campaign-context.js";
import { later } from "../world/calendar.js";
import { CREATE_STRUCTURE } from "../world/documents.js";
import { sentenceOf } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { KINDS, kindName, type StructureKind } from "../world/terms.js";
import { Choice, TextField } from "./field.js";
import { tell } from "./toasts.js";

const DURATIONS = ["0", "1", "7"] as const;
const DURATION_NAMES = { "0": "Finished at once", "1": "Takes a day", "7": "Takes a week" };

/** Begins a structure. */
export function Builder({ settlementId }: { readonly settlementId: string }) {
  const { campaign } = useCampaign();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<StructureKind>("HOUSE");
  const [days, setDays] = useState<(typeof DURATIONS)[number]>("1");
  const [build, { loading }] = useMutation(CREATE_STRUCTURE);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const completesAt = days === "0" ? {} : { completesAt: later(campaign.worldTime, Number(days), "DAYS") };
    const input = { settlementId, name: name.trim(), kind, ...completesAt };
    try {
      await build({ variables: { input, requestId: newRequestId() } });
      setName("");
    } catch (error) {
      tell("bad", sentenceOf(error));
    }
  };
  return (
    <details className="more">
      <summary>Build something</summary>
      <form className="inline-form" onSubmit={(event) => void submit(event)}>
        <TextField
          label="Name"
          value={name}
          onChange={setName}
          required
          maxLength={100}
          data-testid="build-name"
        />
        <Choice
          label="Kind"
          value={kind}
          options={KINDS}
          nameOf={kindName}
          onChange={setKind}
          testId="build-kind"
        />
        <Choice
          label="Time"
          value={days}
          options={DURATIONS}
          nameOf={(option) => DURATION_NAMES[option]}
          onChange={setDays}
          testId="build-time"
        />
        <button type="submit" disabled={loading} data-testid="build">
          Build
        </button>
      </form>
    </details>
  );
}

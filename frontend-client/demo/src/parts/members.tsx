import { useMutation } from "@apollo/client/react";
import { useConnection, usePresence } from "@fanfare/client/react";
import { type FormEvent, useState } from "react";
import { useCampaign, useMay } from "../pages/campaign-context.js";
import { useViewer } from "../viewer.js";
import { type MemberData, REMOVE_MEMBER, SET_MEMBER } from "../world/documents.js";
import { sentenceOf } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { ROLE_NAMES, ROLES, type Role } from "../world/terms.js";
import { Choice, TextField } from "./field.js";
import { tell } from "./toasts.js";

/** Who belongs to the campaign, and who is here now. An owner decides about it. */
export function Members() {
  const { campaign } = useCampaign();
  const present = new Set(usePresence(`campaign:${campaign.id}`));
  // Presence needs a socket: without one nobody can tell.
  const isKnown = useConnection((connection) => connection.transport !== "polling");
  const mayDecide = useMay("OWNER");
  const members = campaign.members.nodes;
  const here = members.filter(({ userId }) => present.has(userId)).length;
  return (
    <section className="panel" aria-labelledby="members-title" data-testid="members">
      <div className="panel-head">
        <h2 id="members-title">People</h2>
        <span className="hint" data-testid="present">
          {isKnown ? `${here} of ${members.length} here` : `${members.length}, no telling who is here`}
        </span>
      </div>
      <ul className="members">
        {members.map((member) => (
          <Row
            key={member.userId}
            member={member}
            isHere={present.has(member.userId)}
            mayDecide={mayDecide}
          />
        ))}
      </ul>
      {mayDecide && <Invite campaignId={campaign.id} />}
    </section>
  );
}

interface RowProps {
  readonly member: MemberData;
  readonly isHere: boolean;
  readonly mayDecide: boolean;
}

function Row({ member, isHere, mayDecide }: RowProps) {
  const { campaignId, userId, role } = member;
  const name = member.name ?? userId;
  const { campaign } = useCampaign();
  const isMe = useViewer().userId === userId;
  const [setMember] = useMutation(SET_MEMBER);
  const [removeMember] = useMutation(REMOVE_MEMBER);
  const change = async (to: Role) => {
    const variables = { campaignId, userId, role: to, requestId: newRequestId() };
    const optimisticResponse = { setMember: { ...member, role: to } };
    await attempt(() => setMember({ variables, optimisticResponse }));
  };
  const remove = async () => {
    if (window.confirm(`Remove ${name} from ${campaign.name}?`)) {
      await attempt(() => removeMember({ variables: { campaignId, userId, requestId: newRequestId() } }));
    }
  };
  return (
    <li data-testid={`member-${userId}`} data-present={isHere}>
      <span className="face small" aria-hidden="true" data-present={isHere}>
        {name.charAt(0).toUpperCase()}
      </span>
      <span className="member-name">
        {name}
        {isMe && " (you)"}
        <span className="hidden">{isHere ? ", here" : ", away"}</span>
      </span>
      {mayDecide && !isMe ? (
        <>
          <select
            aria-label={`Role of ${name}`}
            value={role}
            data-testid={`role-${userId}`}
            onChange={(event) => void change(event.target.value as Role)}
          >
            {ROLES.map((option) => (
              <option key={option} value={option}>
                {ROLE_NAMES[option]}
              </option>
            ))}
          </select>
          <button
            type="button"
            className="plain"
            aria-label={`Remove ${name}`}
            title={`Remove ${name}`}
            data-testid={`remove-${userId}`}
            onClick={() => void remove()}
          >
            ×
          </button>
        </>
      ) : (
        <span className="role">{ROLE_NAMES[role]}</span>
      )}
    </li>
  );
}

function Invite({ campaignId }: { readonly campaignId: string }) {
  const [userId, setUserId] = useState("");
  const [role, setRole] = useState<Role>("PLAYER");
  const [setMember, { loading }] = useMutation(SET_MEMBER);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const variables = { campaignId, userId: userId.trim(), role, requestId: newRequestId() };
    if (await attempt(() => setMember({ variables }))) {
      setUserId("");
    }
  };
  return (
    <details className="more">
      <summary>Invite somebody</summary>
      <form className="invite" onSubmit={(event) => void submit(event)}>
        <TextField
          label="User id"
          value={userId}
          onChange={setUserId}
          required
          autoComplete="off"
          data-testid="invite-user"
        />
        <Choice
          label="Role"
          value={role}
          options={ROLES}
          nameOf={(option) => ROLE_NAMES[option]}
          onChange={setRole}
          testId="invite-role"
        />
        <button type="submit" disabled={loading} data-testid="invite">
          Invite
        </button>
      </form>
    </details>
  );
}

/** Does what the user asked for; a refusal is told. */
async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    tell("bad", sentenceOf(error));
    return false;
  }
}

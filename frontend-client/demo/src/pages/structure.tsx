import { useMutation } from "@apollo/client/react";
import { useSettlementSubscription, useStructureSubscription } from "@fanfare/client/react";
import { Editor } from "../parts/editor.js";
import { Choice, NumberField, TextField } from "../parts/field.js";
import { Flash } from "../parts/flash.js";
import { Loading } from "../parts/loading.js";
import { Numbers } from "../parts/numbers.js";
import { PageBody } from "../parts/page-body.js";
import { Problem } from "../parts/problem.js";
import { Progress } from "../parts/progress.js";
import { Removal } from "../parts/removal.js";
import { Stat } from "../parts/stat.js";
import { tell } from "../parts/toasts.js";
import { campaignPath, settlementPath } from "../routing/routes.js";
import { momentOf } from "../world/calendar.js";
import {
  DELETE_STRUCTURE,
  STRUCTURE_PAGE,
  type StructureData,
  UPDATE_STRUCTURE,
} from "../world/documents.js";
import { isNowhere, sentenceOf } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { KIND_MEANINGS, KINDS, kindName, shown } from "../world/terms.js";
import { usePageQuery } from "../world/use-page-query.js";
import { useCampaign } from "./campaign-context.js";
import { Lost } from "./lost.js";

export interface StructurePageProps {
  readonly settlementId: string;
  readonly structureId: string;
}

/** One structure. */
export function StructurePage({ settlementId, structureId }: StructurePageProps) {
  const { campaign } = useCampaign();
  const { removed } = useStructureSubscription(structureId);
  const { removed: settlementRemoved } = useSettlementSubscription(settlementId);
  const { data, error, reread, retry } = usePageQuery(STRUCTURE_PAGE, { id: structureId });
  const structure = data?.structure;
  const settlement = campaign.settlements.nodes.find(({ id }) => id === settlementId);
  if (removed || settlementRemoved || structure === null || isNowhere(error)) {
    return (
      <Lost
        isPart
        testId="gone"
        title="This structure is gone"
        text="Somebody has torn it down, or it never was here."
        to={settlement ? settlementPath(campaign.id, settlement.id) : campaignPath(campaign.id)}
        toName={settlement?.name ?? campaign.name}
      />
    );
  }
  if (!structure) {
    return error ? (
      <div className="content">
        <Problem error={error} onRetry={retry} />
      </div>
    ) : (
      <Loading isPart what="the structure" />
    );
  }
  return (
    <Structure
      structure={structure}
      settlementName={settlement?.name ?? "Settlement"}
      reread={async () => (await reread())?.structure ?? null}
    />
  );
}

interface StructureProps {
  readonly structure: StructureData;
  readonly settlementName: string;
  readonly reread: () => Promise<StructureData | null>;
}

function Structure({ structure, settlementName, reread }: StructureProps) {
  const { campaign } = useCampaign();
  const { campaignId, settlementId, name, kind, level, completesAt, finished, version } = structure;
  const crumbs = [
    { name: "Campaigns", to: "/" },
    { name: campaign.name, to: campaignPath(campaignId) },
    { name: settlementName, to: settlementPath(campaignId, settlementId) },
  ];
  const about = (
    <>
      <p className="lead">{KIND_MEANINGS[kind]}</p>
      <p className="hint">
        <Progress structure={structure} />
        {completesAt !== null && `, ${momentOf(completesAt)}`}
      </p>
    </>
  );
  return (
    <PageBody
      title={name}
      shownTitle={<Flash value={name} testId="structure-name" />}
      crumbs={crumbs}
      about={about}
    >
      <Numbers
        stats={
          <>
            <div className="stat">
              <dt>Kind</dt>
              <dd>
                <Flash value={kind} testId="kind">
                  {kindName(kind)}
                </Flash>
              </dd>
            </div>
            <Stat label="Level" value={level} testId="level" />
          </>
        }
        form={(onDone) => <StructureForm structure={structure} reread={reread} onDone={onDone} />}
        actions={!finished && <Finish structure={structure} />}
        note={
          <span className="hint version">
            Version <Flash value={version} testId="version" />
          </span>
        }
      />
      <Delete structure={structure} />
    </PageBody>
  );
}

/** Finishes it now, whatever the world's clock says. */
function Finish({ structure }: { readonly structure: StructureData }) {
  const [update, { loading }] = useMutation(UPDATE_STRUCTURE);
  const { id, version } = structure;
  const act = async () => {
    try {
      await update({
        variables: { id, input: { completesAt: null }, expectedVersion: version, requestId: newRequestId() },
        optimisticResponse: {
          updateStructure: { ...structure, completesAt: null, finished: true, version: version + 1 },
        },
      });
    } catch (error) {
      tell("bad", sentenceOf(error));
    }
  };
  return (
    <button type="button" disabled={loading} data-testid="finish" onClick={() => void act()}>
      Finish it now
    </button>
  );
}

const FIELDS = ["name", "kind", "level"] as const;
const LABELS: Record<string, string> = { name: "Name", kind: "Kind", level: "Level" };

interface FormProps extends Pick<StructureProps, "structure" | "reread"> {
  readonly onDone: () => void;
}

function StructureForm({ structure, reread, onDone }: FormProps) {
  const [update] = useMutation(UPDATE_STRUCTURE);
  const save = async (changes: Partial<StructureData>, version: number) => {
    const updateStructure = { ...structure, ...changes, version: version + 1 };
    await update({
      variables: { id: structure.id, input: changes, expectedVersion: version, requestId: newRequestId() },
      // Over a newer version it will be refused: showing it as done would be a lie.
      ...(version === structure.version ? { optimisticResponse: { updateStructure } } : {}),
    });
  };
  return (
    <Editor<StructureData>
      current={structure}
      fields={FIELDS}
      labelOf={(field) => LABELS[field] ?? field}
      show={(field, value) => (field === "kind" ? kindName(String(value)) : shown(value))}
      save={save}
      reread={reread}
      onDone={onDone}
    >
      {({ draft, set, errors, theirs }) => (
        <>
          <TextField
            label="Name"
            value={draft.name}
            onChange={(name) => set("name", name)}
            error={errors["name"]}
            hint={theirs("name")}
            required
            maxLength={100}
            data-testid="edit-name"
          />
          <Choice
            label="Kind"
            value={draft.kind}
            options={KINDS}
            nameOf={kindName}
            onChange={(kind) => set("kind", kind)}
            error={errors["kind"]}
            hint={theirs("kind")}
            testId="edit-kind"
          />
          <NumberField
            label="Level"
            min={1}
            max={10}
            value={draft.level}
            onChange={(level) => set("level", level)}
            error={errors["level"]}
            hint={theirs("level")}
            required
            data-testid="edit-level"
          />
        </>
      )}
    </Editor>
  );
}

function Delete({ structure }: { readonly structure: StructureData }) {
  const [remove] = useMutation(DELETE_STRUCTURE);
  const { id, name, campaignId, settlementId } = structure;
  return (
    <Removal
      label="Tear it down"
      question={`Tear down ${name}?`}
      done={`${name} was torn down.`}
      remove={() => remove({ variables: { id, requestId: newRequestId() } })}
      next={settlementPath(campaignId, settlementId)}
    />
  );
}

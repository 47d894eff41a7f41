import { useMutation } from "@apollo/client/react";
import { usePresence, useSettlementSubscription } from "@fanfare/client/react";
import type { ReactNode } from "react";
import { Builder } from "../parts/builder.js";
import { Editor } from "../parts/editor.js";
import { NumberField, TextField } from "../parts/field.js";
import { Flash } from "../parts/flash.js";
import { Loading } from "../parts/loading.js";
import { Numbers } from "../parts/numbers.js";
import { PageBody } from "../parts/page-body.js";
import { Problem } from "../parts/problem.js";
import { Progress } from "../parts/progress.js";
import { Removal } from "../parts/removal.js";
import { Stat } from "../parts/stat.js";
import { Link } from "../routing/router.js";
import { campaignPath, structurePath } from "../routing/routes.js";
import { useViewer } from "../viewer.js";
import {
  DELETE_SETTLEMENT,
  SETTLEMENT_PAGE,
  type SettlementData,
  type StructureData,
  UPDATE_SETTLEMENT,
} from "../world/documents.js";
import { isNowhere } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { kindName, shown, terrainSentence } from "../world/terms.js";
import { usePageQuery } from "../world/use-page-query.js";
import { useCampaign, useMay } from "./campaign-context.js";
import { Lost } from "./lost.js";

/** One settlement: its numbers, its structures, and the form for those who may change it. */
export function SettlementPage({ settlementId }: { readonly settlementId: string }) {
  const { campaign } = useCampaign();
  const { removed } = useSettlementSubscription(settlementId);
  const { data, error, reread, retry } = usePageQuery(SETTLEMENT_PAGE, { id: settlementId });
  // What is known from the campaign is shown while the rest is on its way.
  const known = campaign.settlements.nodes.find(({ id }) => id === settlementId);
  const settlement = data?.settlement === undefined ? known : data.settlement;
  if (removed || settlement === null || isNowhere(error)) {
    return (
      <Lost
        isPart
        testId="gone"
        title="This settlement is gone"
        text="Somebody has deleted it, or it never was here."
        to={campaignPath(campaign.id)}
        toName={campaign.name}
      />
    );
  }
  const problem = error === undefined ? null : <Problem error={error} onRetry={retry} />;
  if (!settlement) {
    return problem ? <div className="content">{problem}</div> : <Loading isPart what="the settlement" />;
  }
  return (
    <Settlement settlement={settlement} reread={async () => (await reread())?.settlement ?? null}>
      {data?.settlement ? (
        <Structures structures={data.settlement.structures.nodes} />
      ) : (
        (problem ?? <p className="empty">Loading its structures…</p>)
      )}
    </Settlement>
  );
}

interface SettlementProps {
  readonly settlement: SettlementData;
  readonly reread: () => Promise<SettlementData | null>;
}

function Settlement({ settlement, reread, children }: SettlementProps & { readonly children: ReactNode }) {
  const { campaign } = useCampaign();
  const mayEdit = useMay("PLAYER");
  const { id, name, level, population, defense, prosperity, capacity, version } = settlement;
  const crumbs = [
    { name: "Campaigns", to: "/" },
    { name: campaign.name, to: campaignPath(campaign.id) },
  ];
  return (
    <PageBody
      title={name}
      shownTitle={<Flash value={name} testId="settlement-name" />}
      crumbs={crumbs}
      about={<About settlement={settlement} />}
    >
      <Numbers
        stats={
          <>
            <Stat label="Level" value={level} testId="level" />
            <Stat label="People" value={population} testId="population" />
            <Stat label="Defense" value={defense} testId="defense" hint="How hard it is to take" />
            <Stat label="Prosperity" value={prosperity} testId="prosperity" hint="How well its people live" />
            <Stat
              label="Capacity"
              value={capacity}
              testId="capacity"
              hint="How many people it houses and feeds"
            />
          </>
        }
        form={(onDone) => <SettlementForm settlement={settlement} reread={reread} onDone={onDone} />}
        note={
          <span className="hint version">
            Version <Flash value={version} testId="version" />
          </span>
        }
      />
      {children}
      {mayEdit && <Builder settlementId={id} />}
      <Delete settlement={settlement} />
    </PageBody>
  );
}

function About({ settlement }: { readonly settlement: SettlementData }) {
  const { userId } = useViewer();
  const { nameOf } = useCampaign();
  const others = usePresence(`settlement:${settlement.id}`).filter((user) => user !== userId);
  return (
    <p className="lead">
      {terrainSentence(settlement.variables["terrain"])}{" "}
      <span data-testid="also-here">
        {others.length > 0 && <>Also looking at it: {others.map(nameOf).join(", ")}.</>}
      </span>
    </p>
  );
}

const FIELDS = ["name", "level", "population"] as const;
const LABELS: Record<string, string> = { name: "Name", level: "Level", population: "People" };

interface FormProps extends SettlementProps {
  readonly onDone: () => void;
}

function SettlementForm({ settlement, reread, onDone }: FormProps) {
  const [update] = useMutation(UPDATE_SETTLEMENT);
  const save = async (changes: Partial<SettlementData>, version: number) => {
    const { id } = settlement;
    const { name, level, population } = { ...settlement, ...changes };
    const updateSettlement = {
      __typename: "Settlement" as const,
      id,
      name,
      level,
      population,
      version: version + 1,
    };
    await update({
      variables: { id, input: changes, expectedVersion: version, requestId: newRequestId() },
      // Over a newer version it will be refused: showing it as done would be a lie.
      ...(version === settlement.version ? { optimisticResponse: { updateSettlement } } : {}),
    });
  };
  return (
    <Editor<SettlementData>
      current={settlement}
      fields={FIELDS}
      labelOf={(field) => LABELS[field] ?? field}
      show={(_, value) => shown(value)}
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
          <NumberField
            label="Level"
            min={1}
            max={20}
            value={draft.level}
            onChange={(level) => set("level", level)}
            error={errors["level"]}
            hint={theirs("level")}
            required
            data-testid="edit-level"
          />
          <NumberField
            label="People"
            min={0}
            max={10_000_000}
            value={draft.population}
            onChange={(population) => set("population", population)}
            error={errors["population"]}
            hint={theirs("population")}
            required
            data-testid="edit-population"
          />
        </>
      )}
    </Editor>
  );
}

function Structures({ structures }: { readonly structures: readonly StructureData[] }) {
  return (
    <section aria-labelledby="structures-title">
      <div className="section-head">
        <h2 id="structures-title">Structures</h2>
        <span className="hint">{structures.length}</span>
      </div>
      {structures.length === 0 && <p className="empty">Nothing has been built here yet.</p>}
      <ul className="structures" data-testid="structures">
        {structures.map((structure) => (
          <StructureRow key={structure.id} structure={structure} />
        ))}
      </ul>
    </section>
  );
}

function StructureRow({ structure }: { readonly structure: StructureData }) {
  const { id, campaignId, settlementId, name, kind, level } = structure;
  return (
    <li
      className="structure"
      data-testid={`structure-${id}`}
      data-name={name}
      data-finished={structure.finished}
    >
      <Link to={structurePath(campaignId, settlementId, id)}>
        <Flash value={name} />
      </Link>
      <span className="structure-kind">
        <Flash value={kind}>{kindName(kind)}</Flash>, level <Flash value={level} />
      </span>
      <Progress structure={structure} />
    </li>
  );
}

function Delete({ settlement }: { readonly settlement: SettlementData }) {
  const [remove] = useMutation(DELETE_SETTLEMENT);
  const { id, name, campaignId } = settlement;
  return (
    <Removal
      label="Delete this settlement"
      question={`Delete ${name} and everything built there?`}
      done={`${name} was deleted.`}
      remove={() => remove({ variables: { id, requestId: newRequestId() } })}
      next={campaignPath(campaignId)}
    />
  );
}

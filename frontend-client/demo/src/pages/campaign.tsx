import { useMutation } from "@apollo/client/react";
import { type FormEvent, useState } from "react";
import { TextField } from "../parts/field.js";
import { Flash } from "../parts/flash.js";
import { WorldMap } from "../parts/map.js";
import { PageBody } from "../parts/page-body.js";
import { tell } from "../parts/toasts.js";
import { goTo, Link } from "../routing/router.js";
import { settlementPath } from "../routing/routes.js";
import { CREATE_SETTLEMENT, type SettlementData } from "../world/documents.js";
import { sentenceOf } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { ROLE_MEANINGS, ROLE_NAMES, shown } from "../world/terms.js";
import { useCampaign, useMay } from "./campaign-context.js";

/** The overview: the map and all settlements. */
export function CampaignPage() {
  const { campaign } = useCampaign();
  const { name, description, myRole } = campaign;
  const mayFound = useMay("GM");
  const settlements = campaign.settlements.nodes;
  const about = (
    <>
      <p className="lead">{description}</p>
      {myRole && (
        <p className="my-role" data-testid="my-role" data-role={myRole}>
          <span className="role">{ROLE_NAMES[myRole]}</span> {ROLE_MEANINGS[myRole]}
        </p>
      )}
    </>
  );
  return (
    <PageBody title={name} crumbs={[{ name: "Campaigns", to: "/" }]} about={about}>
      <WorldMap name={name} settlements={settlements} />
      <section aria-labelledby="settlements-title">
        <div className="section-head">
          <h2 id="settlements-title">Settlements</h2>
          <span className="hint">{settlements.length}</span>
        </div>
        <div className="table-frame">
          <table className="settlements" data-testid="settlements">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Level</th>
                <th scope="col">People</th>
                <th scope="col">Defense</th>
                <th scope="col">Prosperity</th>
                <th scope="col">Capacity</th>
              </tr>
            </thead>
            <tbody>
              {settlements.map((settlement) => (
                <Row key={settlement.id} settlement={settlement} />
              ))}
            </tbody>
          </table>
        </div>
        {mayFound && <Found campaignId={campaign.id} settlements={settlements} />}
      </section>
    </PageBody>
  );
}

function Row({ settlement }: { readonly settlement: SettlementData }) {
  const { id, campaignId, name, level, population, defense, prosperity, capacity } = settlement;
  const numbers = { level, population, defense, prosperity, capacity };
  const labels = {
    level: "Level",
    population: "People",
    defense: "Defense",
    prosperity: "Prosperity",
    capacity: "Capacity",
  };
  return (
    <tr data-testid={`settlement-${id}`} data-name={name}>
      <th scope="row">
        <Link to={settlementPath(campaignId, id)}>
          <Flash value={name} />
        </Link>
      </th>
      {Object.entries(numbers).map(([field, value]) => (
        <td key={field} data-label={labels[field as keyof typeof labels]}>
          <Flash value={value} testId={`${field}-${id}`}>
            {value === undefined ? "–" : shown(value)}
          </Flash>
        </td>
      ))}
    </tr>
  );
}

interface FoundProps {
  readonly campaignId: string;
  readonly settlements: readonly SettlementData[];
}

/** Founds a settlement somewhere between the others. */
function Found({ campaignId, settlements }: FoundProps) {
  const [name, setName] = useState("");
  const [found, { loading }] = useMutation(CREATE_SETTLEMENT);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const input = { campaignId, name: name.trim(), position: freePlace(settlements), population: 20 };
    try {
      const { data } = await found({ variables: { input, requestId: newRequestId() } });
      setName("");
      if (data?.createSettlement) {
        goTo(settlementPath(campaignId, data.createSettlement.id));
      }
    } catch (error) {
      tell("bad", sentenceOf(error));
    }
  };
  return (
    <details className="more">
      <summary>Found a settlement</summary>
      <form className="inline-form" onSubmit={(event) => void submit(event)}>
        <TextField
          label="Name"
          value={name}
          onChange={setName}
          required
          maxLength={100}
          data-testid="found-name"
        />
        <button type="submit" disabled={loading} data-testid="found">
          Found it
        </button>
      </form>
    </details>
  );
}

/** The place, of some within the settled land, that is farthest from every settlement. */
function freePlace(settlements: readonly SettlementData[]): { x: number; y: number } {
  const taken = settlements.map(({ position }) => position);
  const xs = taken.map(({ x }) => x);
  const ys = taken.map(({ y }) => y);
  const [left, right] = [Math.min(...xs, 0), Math.max(...xs, 100)];
  const [low, high] = [Math.min(...ys, 0), Math.max(...ys, 60)];
  const steps = [...Array(81).keys()];
  const places = steps.map((step) => ({
    x: Math.round(left + ((right - left) * (step % 9)) / 8),
    y: Math.round(low + ((high - low) * Math.floor(step / 9)) / 8),
  }));
  const room = (place: { x: number; y: number }) =>
    Math.min(...taken.map(({ x, y }) => Math.hypot(x - place.x, y - place.y)));
  return places.reduce((best, place) => (room(place) > room(best) ? place : best));
}

import { useCampaign } from "../pages/campaign-context.js";
import { momentOf, timeLeft } from "../world/calendar.js";
import type { StructureData } from "../world/documents.js";
import { Flash } from "./flash.js";

/** Whether a structure is finished, or when the world's clock will have finished it. */
export function Progress({ structure }: { readonly structure: StructureData }) {
  const { campaign } = useCampaign();
  const { finished, completesAt } = structure;
  return (
    <span className="progress" data-finished={finished}>
      <Flash value={finished} testId={`finished-${structure.id}`}>
        {finished || completesAt === null ? (
          "Finished"
        ) : (
          <>
            Finished in {timeLeft(campaign.worldTime, completesAt)}
            <span className="hidden">, on {momentOf(completesAt)}</span>
          </>
        )}
      </Flash>
    </span>
  );
}

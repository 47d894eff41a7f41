import { createContext, useContext } from "react";
import type { CampaignWithWorld } from "../world/documents.js";
import { isAtLeast, type Role } from "../world/terms.js";

/** The campaign that a page belongs to. */
export interface CampaignValue {
  readonly campaign: CampaignWithWorld;
  /** Reads everything on the page again. */
  readonly refresh: () => Promise<void>;
  /** Tells a user's name. */
  readonly nameOf: (userId: string) => string;
}

export const CampaignContext = createContext<CampaignValue | null>(null);

/** The campaign of the page. */
export function useCampaign(): CampaignValue {
  const value = useContext(CampaignContext);
  if (!value) {
    throw new Error("Only what is inside a campaign's frame has a campaign.");
  }
  return value;
}

/** Whether the user may do what this role may. */
export function useMay(least: Role): boolean {
  return isAtLeast(useCampaign().campaign.myRole, least);
}

/** What the address shows. Made from a path and turned back into one; anything else is `unknown`. */
export type Route =
  | { readonly page: "campaigns" }
  | { readonly page: "campaign"; readonly campaignId: string }
  | { readonly page: "settlement"; readonly campaignId: string; readonly settlementId: string }
  | {
      readonly page: "structure";
      readonly campaignId: string;
      readonly settlementId: string;
      readonly structureId: string;
    }
  | { readonly page: "unknown" };

/** The route of a path. */
export function routeOf(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  const [campaigns, campaignId, settlements, settlementId, structures, structureId, ...more] = parts;
  if (parts.length === 0 || (campaigns === "campaigns" && parts.length === 1)) {
    return { page: "campaigns" };
  }
  const isComplete = parts.length % 2 === 0 && more.length === 0;
  if (campaigns !== "campaigns" || !campaignId || !isComplete) {
    return { page: "unknown" };
  }
  if (!settlementId) {
    return { page: "campaign", campaignId };
  }
  if (settlements !== "settlements") {
    return { page: "unknown" };
  }
  if (!structureId) {
    return { page: "settlement", campaignId, settlementId };
  }
  return structures === "structures"
    ? { page: "structure", campaignId, settlementId, structureId }
    : { page: "unknown" };
}

/** The path of a campaign's page. */
export const campaignPath = (campaignId: string) => `/campaigns/${campaignId}`;

/** The path of a settlement's page. */
export const settlementPath = (campaignId: string, settlementId: string) =>
  `${campaignPath(campaignId)}/settlements/${settlementId}`;

/** The path of a structure's page. */
export const structurePath = (campaignId: string, settlementId: string, structureId: string) =>
  `${settlementPath(campaignId, settlementId)}/structures/${structureId}`;

import type { Envelope } from "@fanfare/client";
import { momentOf } from "../world/calendar.js";
import { inWords, ROLE_NAMES } from "../world/terms.js";

/** The names of entities and people that the page knows, by id. */
export type Names = (id: string) => string | undefined;

/** An event in one line for people: `Hollowford: population = 500`. */
export function summaryOf(event: Envelope, names: Names): string {
  switch (event.type) {
    case "settlement_updated": {
      const { settlementId, operation, changedFields, settlementData } = event.payload;
      return changeOf(nameIn(settlementData) ?? names(settlementId) ?? "A settlement", {
        operation,
        changedFields,
        data: settlementData,
      });
    }
    case "structure_updated": {
      const { structureId, operation, changedFields, structureData } = event.payload;
      return changeOf(nameIn(structureData) ?? names(structureId) ?? "A structure", {
        operation,
        changedFields,
        data: structureData,
      });
    }
    case "entity_updated": {
      const { entityType, entityId, operation, changedFields, entityData } = event.payload;
      return changeOf(nameIn(entityData) ?? names(entityId) ?? `The ${entityType}`, {
        operation,
        changedFields,
        data: entityData,
      });
    }
    case "world_time_changed":
      return `World time is ${momentOf(event.payload.newTime)}`;
    case "state_invalidated": {
      const { scope, entityIds = [], fields } = event.payload;
      const what = fields && fields.length > 0 ? fields.map(inWords).join(", ") : "computed values";
      const known = entityIds.map(names).filter((name) => name !== undefined);
      const rest = entityIds.length - known.slice(0, 2).length;
      const whose = [
        ...known.slice(0, 2),
        ...(rest > 0 ? [`${rest} ${known.length > 0 ? "more" : "places"}`] : []),
      ];
      return `Recompute ${what} of ${scope === "campaign" ? "everything" : whose.join(", ")}`;
    }
    case "membership_changed": {
      const { userId, role } = event.payload;
      const name = names(userId) ?? userId;
      return role === null ? `${name} was removed` : `${name} is ${ROLE_NAMES[role]}`;
    }
  }
}

interface Change {
  readonly operation: "create" | "update" | "delete";
  readonly changedFields: readonly string[];
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

function changeOf(name: string, { operation, changedFields, data }: Change): string {
  switch (operation) {
    case "create":
      return `${name} was created`;
    case "delete":
      return `${name} was deleted`;
    case "update": {
      const changes = changedFields.map((field) => {
        const value = shown(data?.[field]);
        return value === null ? inWords(field) : `${inWords(field)} = ${value}`;
      });
      return `${name}: ${changes.join(", ") || "changed"}`;
    }
  }
}

const nameIn = (data: Readonly<Record<string, unknown>> | undefined): string | undefined =>
  typeof data?.["name"] === "string" ? data["name"] : undefined;

/** A value that fits into a line; null for one that does not. */
function shown(value: unknown): string | null {
  if (typeof value === "string") {
    return /^-?\d{4,}-\d\d-\d\dT/.test(value) ? momentOf(value) : value;
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

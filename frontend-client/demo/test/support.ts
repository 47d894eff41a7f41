import type { Envelope } from "@fanfare/client";

export const CAMPAIGN = "0193a5b2-0000-7000-8000-000000000001";
export const SETTLEMENT = "0193a5b2-0000-7000-8000-000000000002";
export const campaign = `campaign:${CAMPAIGN}`;

/** An event of `ada` at an offset of the campaign, committed at 10:00:00. */
export function eventAt(offset: number, change: Partial<Envelope> = {}): Envelope {
  return {
    v: 1,
    id: `event-${offset}`,
    timestamp: "2026-11-20T10:00:00.000Z",
    epoch: "e",
    offsets: { [campaign]: offset, [`settlement:${SETTLEMENT}`]: 7 },
    metadata: { userId: "ada", source: "api", correlationId: "c" },
    type: "settlement_updated",
    payload: {
      settlementId: SETTLEMENT,
      campaignId: CAMPAIGN,
      operation: "update",
      version: 2,
      changedFields: ["population"],
      settlementData: { name: "Hollowford", population: 500 },
    },
    ...change,
  } as Envelope;
}

/** A `Storage` in memory. */
export class MemoryStorage {
  readonly values = new Map<string, string>();
  getItem = (key: string) => this.values.get(key) ?? null;
  setItem = (key: string, value: string) => void this.values.set(key, value);
  removeItem = (key: string) => void this.values.delete(key);
}

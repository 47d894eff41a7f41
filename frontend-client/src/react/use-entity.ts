import type { SubscribeOptions } from "../rooms/types.js";
import { type RoomState, useRoom } from "./use-room.js";

type Id = string | null | undefined;

const roomOf = (kind: string, id: Id): string | null => (id ? `${kind}:${id}` : null);

/** Joins a campaign's room: everything that happens in the campaign, in its settlements and structures too. */
export function useCampaignSubscription(campaignId: Id, handlers?: SubscribeOptions): RoomState {
  return useRoom(roomOf("campaign", campaignId), handlers);
}

/** Joins a settlement's room: its own changes and those of its structures. */
export function useSettlementSubscription(settlementId: Id, handlers?: SubscribeOptions): RoomState {
  return useRoom(roomOf("settlement", settlementId), handlers);
}

/** Joins a structure's room: its own changes. */
export function useStructureSubscription(structureId: Id, handlers?: SubscribeOptions): RoomState {
  return useRoom(roomOf("structure", structureId), handlers);
}

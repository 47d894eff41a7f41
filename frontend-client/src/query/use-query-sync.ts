"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { FanfareError } from "../errors.js";
import { type RoomState, useCampaignSubscription } from "../react/index.js";
import { bindingOf } from "./binding.js";

/**
 * Keeps the query client's data in agreement with a campaign as long as the component is mounted; with null it waits.
 *
 * A query that is answered before `isReady` is read once more then; `enabled: isReady` saves the first reading.
 * @throws FanfareError `invalid_option` when the query client is not bound.
 */
export function useQuerySync(campaignId: string | null | undefined): RoomState {
  const binding = bindingOf(useQueryClient());
  if (!binding) {
    throw new FanfareError(
      "invalid_option",
      "The query client is not bound: call bindQueryClient(fanfare, queryClient) once, where both are made.",
    );
  }
  // Before the subscription below: the binding knows from where to continue.
  useEffect(() => (campaignId ? binding.sync(`campaign:${campaignId}`) : undefined), [binding, campaignId]);
  return useCampaignSubscription(campaignId);
}

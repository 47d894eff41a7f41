"use client";
import { useApolloClient } from "@apollo/client/react";
import { useEffect } from "react";
import { FanfareError } from "../errors.js";
import { type RoomState, useCampaignSubscription } from "../react/index.js";
import { bindingOf } from "./binding.js";

/**
 * Keeps the Apollo cache in agreement with a campaign as long as the component is mounted; with null it waits. The Apollo
 * client is that of `<ApolloProvider>`, bound once by `bindApolloCache`.
 *
 * A query that is answered before `isReady` is read once more then; `skip: !isReady` saves the first reading.
 * @throws FanfareError `invalid_option` when the Apollo client is not bound.
 */
export function useCacheSync(campaignId: string | null | undefined): RoomState {
  const apollo = useApolloClient();
  const binding = bindingOf(apollo);
  if (!binding) {
    throw new FanfareError(
      "invalid_option",
      "The Apollo client is not bound: call bindApolloCache(fanfare, apollo) once, where both are made.",
    );
  }
  // Before the subscription below: the binding knows from where to continue.
  useEffect(() => (campaignId ? binding.sync(`campaign:${campaignId}`) : undefined), [binding, campaignId]);
  return useCampaignSubscription(campaignId);
}

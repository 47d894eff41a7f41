/**
 * Apollo Client: its cache follows the events of the rooms that are joined. Changes are written as they come, one batch
 * a frame; what events do not carry is read again, only where it is shown.
 *
 * @packageDocumentation
 */

export { type EntityPolicy, type ListPolicy, worldPolicies } from "../sync/policies.js";
export { type ApolloBinding, bindApolloCache } from "./binding.js";
export { useCacheSync } from "./use-cache-sync.js";

/**
 * TanStack Query: its data follows the events of the rooms that are joined. Entities are changed wherever they are in
 * the data of a query; what events do not carry is read again, only where it is shown.
 *
 * @packageDocumentation
 */

export { bindQueryClient, type QueryBinding } from "./binding.js";
export { type QueryPolicy, worldQueries } from "./policies.js";
export { useQuerySync } from "./use-query-sync.js";

"use client";
/**
 * React: one connection for the tree, hooks for rooms, events and freshness, and two small components that
 * say how the connection is. Safe in StrictMode, in concurrent rendering and on a server.
 *
 * @packageDocumentation
 */

export { ConnectionBadge, type ConnectionBadgeProps } from "./connection-badge.js";
export { ConnectionNotices, type ConnectionNoticesProps } from "./connection-notices.js";
export { type ConnectionLabels, ENGLISH } from "./labels.js";
export type { Notice } from "./notice.js";
export { FanfareProvider, type FanfareProviderProps, useFanfare } from "./provider.js";
export { useConnection } from "./use-connection.js";
export {
  useCampaignSubscription,
  useSettlementSubscription,
  useStructureSubscription,
} from "./use-entity.js";
export { useFreshness } from "./use-freshness.js";
export { usePresence } from "./use-presence.js";
export { type RoomState, useRoom } from "./use-room.js";
export { useSubscription } from "./use-subscription.js";

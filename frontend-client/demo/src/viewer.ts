import type { WorldTimeStore } from "@fanfare/client/zustand";
import { createContext, useContext } from "react";
import type { Network } from "./network/network.js";

/** Who looks at the page, through which network, and what time it is in the worlds. */
export interface Viewer {
  readonly userId: string;
  readonly name: string;
  readonly network: Network;
  readonly clocks: WorldTimeStore;
}

export const ViewerContext = createContext<Viewer | null>(null);

/** The signed-in user. */
export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext);
  if (!viewer) {
    throw new Error("Only what is inside the workspace has a viewer.");
  }
  return viewer;
}

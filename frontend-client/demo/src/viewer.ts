import { createContext, useContext } from "react";
import type { Network } from "./network/network.js";

/** Who looks at the page, and through which network. */
export interface Viewer {
  readonly userId: string;
  readonly name: string;
  readonly network: Network;
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

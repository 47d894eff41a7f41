import { useEffect, useRef, useState } from "react";
import type { ConnectionStatus } from "../connection/state.js";

/** What is worth telling: the connection was lost, is gone for longer, or is back after that was told. */
export type Notice = "lost" | "gone" | "back";

/** When to tell. */
export interface NoticeTimes {
  /** How long a loss is kept to oneself, in milliseconds. */
  readonly graceMs: number;
  /** How long it is told that the connection is back, in milliseconds. */
  readonly backMs: number;
}

/** The notice that the connection's status gives rise to; null while all is well. */
export function useNotice(status: ConnectionStatus, { graceMs, backMs }: NoticeTimes): Notice | null {
  const [notice, setNotice] = useState<Notice | null>(null);
  const wasUp = useRef(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    switch (status) {
      case "connected":
        wasUp.current = true;
        setNotice((told) => (told === null ? null : "back"));
        timer = setTimeout(() => setNotice(null), backMs);
        break;
      case "connecting":
      case "reconnecting":
        setNotice((told) => (told === "back" ? null : told));
        if (wasUp.current) {
          timer = setTimeout(() => setNotice("lost"), graceMs);
        }
        break;
      case "failed":
        setNotice("gone");
        break;
      case "disconnected":
        // The application wanted it so.
        wasUp.current = false;
        setNotice(null);
        break;
    }
    return () => clearTimeout(timer);
  }, [status, graceMs, backMs]);

  return notice;
}

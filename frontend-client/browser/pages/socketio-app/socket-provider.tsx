import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { io, type Socket } from "socket.io-client";

const SocketContext = createContext<Socket | null>(null);

export interface SocketProviderProps {
  readonly url: string;
  readonly getToken: () => Promise<string>;
  /** As in socket.io-client; its own default when absent. */
  readonly transports?: string[];
  readonly children: ReactNode;
}

/** One socket for the whole application. */
export function SocketProvider({ url, getToken, transports, children }: SocketProviderProps) {
  const [socket, setSocket] = useState<Socket | null>(null);
  useEffect(() => {
    const opened = io(url, {
      auth: (send) => void getToken().then((token) => send({ token })),
      ...(transports && { transports }),
    });
    setSocket(opened);
    return () => void opened.disconnect();
  }, [url, getToken, transports]);
  return <SocketContext.Provider value={socket}>{children}</SocketContext.Provider>;
}

/** Whether the socket is up. */
export function useIsConnected(): boolean {
  const socket = useContext(SocketContext);
  const [isConnected, setIsConnected] = useState(false);
  useEffect(() => {
    if (!socket) {
      return;
    }
    const look = () => setIsConnected(socket.connected);
    look();
    socket.on("connect", look);
    socket.on("disconnect", look);
    return () => {
      socket.off("connect", look);
      socket.off("disconnect", look);
    };
  }, [socket]);
  return isConnected;
}

/** Calls the handler with every event of that name. */
export function useSocketEvent<T>(name: string, handler: (event: { payload: T }) => void): void {
  const socket = useContext(SocketContext);
  useEffect(() => {
    if (!socket) {
      return;
    }
    socket.on(name, handler);
    return () => void socket.off(name, handler);
  }, [socket, name, handler]);
}

/** Is subscribed while the component is mounted, again after every connect; calls `subscribed` each time. */
export function useSubscription(
  kind: "campaign" | "settlement" | "structure",
  payload: Readonly<Record<string, string>>,
  subscribed: () => void,
): void {
  const socket = useContext(SocketContext);
  const wish = JSON.stringify(payload);
  useEffect(() => {
    if (!socket) {
      return;
    }
    const subscribe = () => {
      socket.emit(`subscribe_${kind}`, JSON.parse(wish), (answer: { success: boolean }) => {
        if (answer.success) {
          subscribed();
        }
      });
    };
    if (socket.connected) {
      subscribe();
    }
    socket.on("connect", subscribe);
    return () => {
      socket.off("connect", subscribe);
      socket.emit(`unsubscribe_${kind}`, JSON.parse(wish));
    };
  }, [socket, kind, wish, subscribed]);
}

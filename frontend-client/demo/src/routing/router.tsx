import {
  type AnchorHTMLAttributes,
  type MouseEvent,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import { type Route, routeOf } from "./routes.js";

const MOVED = "fanfare-moved";

function watchPath(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

/** Shows another page without loading it from the server. */
export function goTo(path: string): void {
  history.pushState(null, "", path);
  window.dispatchEvent(new Event(MOVED));
  window.scrollTo(0, 0);
}

/** The route of the address bar. */
export function useRoute(): Route {
  const path = useSyncExternalStore(watchPath, () => location.pathname);
  return useMemo(() => routeOf(path), [path]);
}

export interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  readonly to: string;
}

/** A link to another page of the application. What a browser does with modifier keys stays as it is. */
export function Link({ to, onClick, ...rest }: LinkProps) {
  return <a {...rest} href={to} onClick={(event) => follow(event, to, onClick)} />;
}

/** Follows a link inside the application. */
export function follow<E extends Element>(
  event: MouseEvent<E>,
  to: string,
  onClick?: (event: MouseEvent<E>) => void,
): void {
  onClick?.(event);
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (isPlain && !event.defaultPrevented) {
    event.preventDefault();
    goTo(to);
  }
}

/**
 * Names the page, and moves the focus to its heading when the user came from another page of the
 * application: a screen reader then reads where one is. Give the heading `tabIndex={-1}`.
 */
export function usePage<E extends HTMLElement>(title: string) {
  const heading = useRef<E>(null);
  useEffect(() => {
    document.title = title === "" ? "Fanfare" : `${title} · Fanfare`;
  }, [title]);
  useEffect(() => {
    if (hasMoved) {
      heading.current?.focus({ preventScroll: true });
    }
  }, []);
  return heading;
}

/** Not for the page that was loaded: there the browser's own start is right. */
let hasMoved = false;
if (typeof window !== "undefined") {
  watchPath(() => {
    hasMoved = true;
  });
}

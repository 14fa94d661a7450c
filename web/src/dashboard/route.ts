import { useEffect, useState } from "preact/hooks";

/** Where somebody is in the dashboard: the part of the address behind `#`. */
export type Route =
  | { readonly view: "overview" | "channels" | "connections" }
  | { readonly view: "channel"; readonly channel: string }
  | { readonly view: "connection"; readonly client: string };

export function parseRoute(hash: string): Route {
  const [view, ...rest] = hash.replace(/^#\/?/, "").split("/");
  const name = decode(rest.join("/"));
  if (view === "channels") return name ? { view: "channel", channel: name } : { view };
  if (view === "connections") return name ? { view: "connection", client: name } : { view };
  return { view: "overview" };
}

export function linkTo(view: "channels" | "connections", name: string): string {
  return `#/${view}/${encodeURIComponent(name)}`;
}

export function useRoute(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const onChange = () => set(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return parseRoute(hash);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

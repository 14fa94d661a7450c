import type { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

export type LinkState = "connecting" | "connected" | "disconnected";

/** Follows the state of a client. */
export function useLink(client: Centrifuge | null): { state: LinkState; reason: string } {
  const [link, set] = useState({ state: "connecting" as LinkState, reason: "" });
  useEffect(() => {
    if (!client) return;
    const onState = () => set((old) => ({ ...old, state: client.state as LinkState }));
    const onReason = (context: { reason: string }) =>
      set((old) => ({ ...old, reason: context.reason }));
    onState();
    client.on("state", onState);
    client.on("connecting", onReason);
    client.on("disconnected", onReason);
    return () => {
      client.off("state", onState);
      client.off("connecting", onReason);
      client.off("disconnected", onReason);
    };
  }, [client]);
  return link;
}

const WORDS: Record<LinkState, string> = {
  connecting: "Connecting",
  connected: "Live",
  disconnected: "Offline",
};

/** The small sign in the header that says whether the page is live. */
export function LinkSign({ client }: { client: Centrifuge | null }): JSX.Element {
  const { state, reason } = useLink(client);
  return (
    <span class={`link-sign ${state}`} role="status" title={state === "connected" ? "" : reason}>
      <i aria-hidden="true" />
      {WORDS[state]}
    </span>
  );
}

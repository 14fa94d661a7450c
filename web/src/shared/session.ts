import type { Centrifuge, Options } from "centrifuge";
import { address, socketAddress } from "./root";

/**
 * Asks the server for a token of a demo user. The SDK calls this for each connect and again before
 * the token expires; when it throws, the SDK tries again later.
 */
export function demoToken(user: string): () => Promise<string> {
  return async () => {
    const response = await fetch(address("demos/token"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user }),
    });
    if (!response.ok) {
      throw new Error(`no token for ${user}: the server answered ${response.status}`);
    }
    const { token } = (await response.json()) as { token: string };
    return token;
  };
}

/** Options of the SDK that all demos share; `name` shows in the dashboard. */
export function demoOptions(user: string, name: string): Partial<Options> {
  return {
    name,
    getToken: demoToken(user),
    // Somebody looks at these pages: come back faster than the SDK's default of up to 20 seconds.
    minReconnectDelay: 200,
    maxReconnectDelay: 3000,
    timeout: 5000,
  };
}

export type Sdk = new (endpoint: string, options: Partial<Options>) => Centrifuge;

/** Makes a client of the official SDK, JSON or Protobuf by the class given, and connects. */
export function openSession(sdk: Sdk, user: string, name: string): Centrifuge {
  const client = new sdk(socketAddress(), demoOptions(user, name));
  renewTokens(client);
  client.connect();
  return client;
}

/** The server does not take the token. */
const INVALID_TOKEN = 3500;

/** How long until a token that was not taken is replaced, in milliseconds. */
const RENEW_MS = 1000;

/**
 * Connects with a new token where the old one is not taken any more: a server that makes up its secrets
 * has others after a restart. The SDK alone gives up then, as an application's backend might have sent
 * the user away.
 */
export function renewTokens(client: Centrifuge): void {
  client.on("disconnected", ({ code }) => {
    if (code !== INVALID_TOKEN) return;
    setTimeout(() => {
      client.setToken("");
      client.connect();
    }, RENEW_MS);
  });
}

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon, Logo } from "../shared/icons";
import { Api, WrongKey } from "./api";

/** Asks for the API key and tries it. */
export function Login({ onOpen }: { onOpen: (api: Api) => void }): JSX.Element {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const open = async (key: string) => {
    setBusy(true);
    try {
      const api = new Api(key);
      await api.stats();
      api.keep();
      onOpen(api);
    } catch (trouble) {
      setError(
        trouble instanceof WrongKey
          ? "The server does not take this key."
          : "The server does not answer.",
      );
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void open(String(new FormData(event.currentTarget).get("key") ?? ""));
        }}
      >
        <Logo size={40} />
        <h2>Dashboard</h2>
        <p class="dim">
          Opens with the key of the HTTP API. It stays in this tab and goes nowhere but to this
          server.
        </p>
        <label>
          API key
          <input name="key" type="password" autocomplete="current-password" required autofocus />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <button class="primary" disabled={busy}>
          <Icon name="key" size={16} /> Open
        </button>
      </form>
    </main>
  );
}

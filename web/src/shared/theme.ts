/** Dark or light: as the system says, until somebody chooses. */

export type Theme = "dark" | "light";

const KEY = "trunkline.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function theme(): Theme {
  return chosen() ?? (dark.matches ? "dark" : "light");
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, theme() === "dark" ? "light" : "dark");
  apply();
}

/** Calls back whenever colours change; returns how to stop that. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEY);
  return kept === "dark" || kept === "light" ? kept : null;
}

function apply(): void {
  const choice = chosen();
  if (choice) document.documentElement.dataset["theme"] = choice;
  else delete document.documentElement.dataset["theme"];
  for (const listener of listeners) listener();
}

dark.addEventListener("change", apply);
addEventListener("storage", apply);
apply();

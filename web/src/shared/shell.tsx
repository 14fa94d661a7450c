import type { Centrifuge } from "centrifuge";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon, Logo, type IconName } from "./icons";
import { LinkSign } from "./link";
import { address } from "./root";
import { onTheme, theme, toggleTheme } from "./theme";

export const DEMOS: { path: string; name: string; icon: IconName; line: string }[] = [
  { path: "demos/chat/", name: "Chat", icon: "chat", line: "Presence, typing, reactions, history" },
  { path: "demos/notifications/", name: "Notifications", icon: "bell", line: "A personal feed for each user" },
  { path: "demos/game/", name: "Game", icon: "game", line: "Binary messages, twenty times a second" },
  { path: "demos/market/", name: "Market", icon: "chart", line: "Hundreds of updates a second, drawn" },
  { path: "demos/whiteboard/", name: "Whiteboard", icon: "pen", line: "Draw together, see each other’s hand" },
]; // prettier-ignore

export function ThemeToggle(): JSX.Element {
  const [now, set] = useState(theme());
  useEffect(() => onTheme(() => set(theme())), []);
  const other = now === "dark" ? "light" : "dark";
  return (
    <button class="quiet square" onClick={toggleTheme} aria-label={`Use ${other} colours`}>
      <Icon name={now === "dark" ? "sun" : "moon"} />
    </button>
  );
}

/** The header of every page. */
export function Header(props: {
  title?: string;
  client?: Centrifuge | null;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href={address("").href} aria-label="Trunkline, start page">
        <Logo />
        <b>Trunkline</b>
      </a>
      {props.title && <h1>{props.title}</h1>}
      <span class="gap" />
      {props.children}
      {props.client !== undefined && <LinkSign client={props.client} />}
      <ThemeToggle />
    </header>
  );
}

/** Opens this page once more, as somebody else. */
export function SecondTab(): JSX.Element {
  const href = new URL(location.href);
  href.searchParams.delete("user");
  return (
    <a class="button second-tab" href={href.href} target="_blank" rel="noopener">
      <Icon name="external" size={16} />
      Open a second tab
    </a>
  );
}

import type { JSX } from "preact";

/** Line icons on a grid of 24. */
const PATHS = {
  sun: "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m11.4 0 1.4 1.4M4.9 4.9l1.4 1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500Z",
  send: "m4 12 16-8-6 16-3-7-7-1Z",
  check: "m5 13 4 4L19 7",
  clock: "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  alert: "M12 8v5m0 3.500v.01M10.3 4 2.5 17.500A2 2 0 0 0 4.2 20.500h15.600a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0Z",
  bell: "M6 16V11a6 6 0 1 1 12 0v5l2 2H4l2-2Zm4 5h4",
  chat: "M4 5h16v11H9l-5 4V5Z",
  game: "M12 3 5 20l7-4 7 4-7-17Z",
  chart: "M4 19V5m0 14h16M8 15l4-5 3 3 5-7",
  pen: "m4 20 1-5L16 4l4 4L9 19l-5 1Zm9-13 4 4",
  marker: "M4 20h16M7 15l-1 3h4l10-10-4-4L7 15Zm6-8 4 4",
  line: "M5 19 19 5",
  box: "M4 6h16v12H4z",
  circle: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0Z",
  eraser: "m8 20-4-4L14 6l6 6-8 8H8Zm1-9 6 6M12 20h8",
  undo: "M8 5 4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "m16 5 4 4-4 4m4-4H10a6 6 0 0 0 0 12h3",
  trash: "M5 7h14M9 7V4h6v3m-8 0 1 13h8l1-13",
  download: "M12 4v11m-4-4 4 4 4-4M5 20h14",
  users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9c0-3.5 2.5-6 6-6s6 2.5 6 6m1-16a3.5 3.5 0 0 1 0 7m5 9c0-3-1.5-5-4-5.7",
  gauge: "M12 14l4-5m-11 9a9 9 0 1 1 14 0",
  key: "M14 10a4 4 0 1 0-3 3.900L13 16h2v2h2v2h3v-3l-6.3-6.3",
  plug: "M9 3v5m6-5v5M7 8h10v3a5 5 0 0 1-10 0V8Zm5 8v5",
  hash: "M5 9h15M4 15h15M10 4 8 20m8-16-2 16",
  back: "m14 6-6 6 6 6",
  plus: "M12 5v14M5 12h14",
  external: "M14 4h6v6m0-6L10 14M18 14v6H4V6h6",
  smile: "M8.5 14.500s1.2 1.5 3.5 1.5 3.5-1.5 3.5-1.500M9 9.500v.01m6-.01v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
  out: "M10 4H5v16h5m4-12 4 4-4 4m4-4H9",
  pause: "M8 5v14m8-14v14",
  play: "m7 5 12 7-12 7V5Z",
} as const; // prettier-ignore

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo({ size = 26 }: { size?: number }): JSX.Element {
  return (
    <svg
      class="logo"
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      stroke="currentColor"
      stroke-width="2.6"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M4 16h7c6.5 0 5-9 13-9M4 16h20M4 16h7c6.5 0 5 9 13 9" />
      <circle cx="27" cy="7" r="1.5" />
      <circle cx="27" cy="16" r="1.5" />
      <circle cx="27" cy="25" r="1.5" />
    </svg>
  );
}

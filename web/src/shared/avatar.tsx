import type { JSX } from "preact";
import { hueOf, nameOf } from "./identity";

/** A disc with initials in the user's colour. */
export function Avatar({ user, size = 34 }: { user: string; size?: number }): JSX.Element {
  const initials = nameOf(user)
    .split(" ")
    .slice(0, 2)
    .map((word) => word.charAt(0))
    .join("");
  return (
    <span
      class="avatar"
      aria-hidden="true"
      style={{ "--hue": String(hueOf(user)), "--size": `${size}px` }}
    >
      {initials}
    </span>
  );
}

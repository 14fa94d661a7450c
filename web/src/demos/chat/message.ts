import type { PublicationContext } from "centrifuge";

/** What people publish in a room. */
export type ChatValue =
  | { readonly kind: "message"; readonly text: string; readonly at: number; readonly user: string }
  | {
      readonly kind: "reaction";
      readonly to: string;
      readonly emoji: string;
      readonly on: boolean;
      readonly user: string;
    };

export const EMOJI = ["👍", "❤️", "😂", "🎉", "🚀", "👀"];

/** Longer texts are refused by the composer and cut when they come from elsewhere. */
export const TEXT_MAX = 2000;

/** Reads a publication; the user is what the server says, not what the sender claims. */
export function parseChat(
  publication: PublicationContext,
): { id: string; value: ChatValue } | null {
  const user = publication.info?.user;
  const data = publication.data as Partial<Record<string, unknown>> | null;
  if (!user || typeof data !== "object" || data === null) return null;
  const { id, kind, text, at, to, emoji, on } = data;
  if (typeof id !== "string" || id.length === 0 || id.length > 64) return null;
  if (kind === "message" && typeof text === "string" && typeof at === "number") {
    return { id, value: { kind, text: text.slice(0, TEXT_MAX), at: when(at), user } };
  }
  if (kind === "reaction" && typeof to === "string" && typeof on === "boolean") {
    if (typeof emoji !== "string" || !EMOJI.includes(emoji)) return null;
    return { id, value: { kind, to, emoji, on, user } };
  }
  return null;
}

/** Senders' clocks may be wrong, but nothing was said in the future. */
function when(at: number): number {
  const now = Date.now();
  return Number.isFinite(at) && at > 0 ? Math.min(at, now) : now;
}

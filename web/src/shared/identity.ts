/** Who a visitor of the demos is: a made-up name that lasts as long as the tab. */

const ADJECTIVES = "amber brave calm clever cosmic crimson dapper eager fuzzy gentle golden jolly lucky mellow merry misty nimble noble plucky polar quick quiet rapid rosy royal rustic silver solar sunny swift tidy velvet vivid witty".split(" "); // prettier-ignore
const ANIMALS = "badger bear beaver bison crane dolphin falcon ferret finch fox gecko heron ibex koala lemur lynx magpie marmot marten mole moose newt otter owl panda puffin quail raven robin seal sparrow stoat swan tapir tiger toucan walrus wombat wren yak".split(" "); // prettier-ignore

/** Users of the demos: lower-case words, digits and dashes, as the server's demo tokens allow. */
const USER = /^[a-z0-9][a-z0-9-]{0,31}$/;

const KEY = "trunkline.user";

/** A name such as `amber-otter`. */
export function inventUser(random: () => number = Math.random): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)] ?? "quiet";
  return `${pick(ADJECTIVES)}-${pick(ANIMALS)}`;
}

/** Turns what somebody typed into a user, or `null` if nothing is left of it. */
export function userFromName(name: string): string | null {
  const user = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9\s-]/g, "")
    .trim()
    .replace(/[\s-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 32);
  return USER.test(user) ? user : null;
}

/** `amber-otter` as people read it: `Amber Otter`. */
export function nameOf(user: string): string {
  return user
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}

/** The user of this tab; `?user=` in the address wins, so that links can open a second person. */
export function currentUser(): string {
  const asked = userFromName(new URLSearchParams(location.search).get("user") ?? "");
  const user = asked ?? userFromName(sessionStorage.getItem(KEY) ?? "") ?? inventUser();
  rememberUser(user);
  return user;
}

export function rememberUser(user: string): void {
  sessionStorage.setItem(KEY, user);
}

/** A hue of 0 to 359 that is always the same for a user. */
export function hueOf(user: string): number {
  let hash = 2166136261;
  for (let i = 0; i < user.length; i++) {
    hash = Math.imul(hash ^ user.charCodeAt(i), 16777619);
  }
  // Multiples of 15 keep neighbours apart.
  return ((hash >>> 8) % 24) * 15;
}

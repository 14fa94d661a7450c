import type { Controls } from "./space";

const KEYS: Record<string, "left" | "right" | "thrust" | "fire"> = {
  ArrowLeft: "left",
  KeyA: "left",
  ArrowRight: "right",
  KeyD: "right",
  ArrowUp: "thrust",
  KeyW: "thrust",
  Space: "fire",
  KeyF: "fire",
};

/** Keys, a mouse or a finger, and the button for thumbs. */
export class Pilot {
  readonly #held = new Set<string>();
  goal: { x: number; y: number } | null = null;
  button = false;

  constructor() {
    addEventListener("keydown", (event) => {
      const key = KEYS[event.code];
      if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.#held.add(key);
    });
    addEventListener("keyup", (event) => this.#held.delete(KEYS[event.code] ?? ""));
    // Keys that go up elsewhere are never heard of.
    addEventListener("blur", () => this.#held.clear());
  }

  get controls(): Controls {
    const has = (key: string) => (this.#held.has(key) ? 1 : 0);
    return {
      turn: has("right") - has("left"),
      thrust: this.#held.has("thrust"),
      fire: this.#held.has("fire") || this.button,
      goal: this.goal,
    };
  }
}

import { onTheme } from "./theme";

/** Colours of the style sheet, as a canvas wants them. */
const cache = new Map<string, string>();
onTheme(() => cache.clear());

/** The present value of a custom property such as `--accent`. */
export function color(property: `--${string}`): string {
  let value = cache.get(property);
  if (value === undefined) {
    const probe = document.createElement("i");
    probe.style.color = `var(${property})`;
    document.body.append(probe);
    value = getComputedStyle(probe).color;
    probe.remove();
    cache.set(property, value);
  }
  return value;
}

/** The same colour, let through by `alpha`, which is not 0: mixed with nothing, a colour is black. */
export function faint(property: `--${string}`, alpha: number): string {
  return `color-mix(in srgb, ${color(property)} ${alpha * 100}%, transparent)`;
}

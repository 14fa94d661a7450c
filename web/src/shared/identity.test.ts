import { expect, test } from "vitest";
import { hueOf, inventUser, nameOf, userFromName } from "./identity";

test("what people type becomes a user the server takes, or nothing", () => {
  expect(userFromName("Ada Lovelace")).toBe("ada-lovelace");
  expect(userFromName("  Zoë  Müller ")).toBe("zoe-muller");
  expect(userFromName("a#b,c")).toBe("abc");
  expect(userFromName("x".repeat(40))).toBe("x".repeat(32));
  expect(userFromName("   ")).toBeNull();
  expect(userFromName("---")).toBeNull();
});

test("an invented name is a user already", () => {
  for (const random of [() => 0, () => 0.5, () => 0.999999]) {
    expect(userFromName(nameOf(inventUser(random)))).toBe(inventUser(random));
  }
});

test("a user keeps the same hue", () => {
  expect(hueOf("ada")).toBe(hueOf("ada"));
  expect(hueOf("ada")).toBeGreaterThanOrEqual(0);
  expect(hueOf("ada")).toBeLessThan(360);
});

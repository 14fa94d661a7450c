import { afterAll, beforeAll, expect, test } from "vitest";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

test("the start page is live, and its links lead somewhere", async () => {
  const page = await stage.tab("/");
  await live(page);
  const caption = page.locator("figcaption");
  await expect.poll(async () => parseInt(await caption.innerText())).toBeGreaterThan(100);
  await stage.shot(page, "start");
  const dark = await stage.tab("/", { dark: true });
  await live(dark);
  await expect
    .poll(async () => parseInt(await dark.locator("figcaption").innerText()))
    .toBeGreaterThan(100);
  await stage.shot(dark, "start-dark");
  const phone = await stage.tab("/", { phone: true });
  await live(phone);
  await stage.shot(phone, "start-phone");

  const links = await page
    .locator("main a")
    .evaluateAll((all) => all.map((it) => (it as HTMLAnchorElement).href));
  expect(links.length).toBe(7);
  for (const link of links) {
    const response = await page.request.get(link);
    expect(response.status(), link).toBe(200);
    // Scripts and styles come from here alone.
    expect(response.headers()["content-security-policy"]).toContain("default-src 'self'");
  }
  expect(stage.complaints).toEqual([]);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

const rate = async (page: Page) => parseInt(await page.locator(".top .badge").innerText());
const prices = (page: Page) => page.locator(".tile .last").allInnerTexts();

test("prices move by the hundred in two tabs, and go on after the server was killed", async () => {
  const ada = await stage.tab("/demos/market/?user=ada-lark");
  const ben = await stage.tab("/demos/market/?user=ben-wren#ONYX", { dark: true });
  await live(ada);
  await live(ben);

  for (const page of [ada, ben]) {
    await expect.poll(() => rate(page)).toBeGreaterThan(100);
    // Each of the 20 symbols has a price.
    await expect
      .poll(async () => (await prices(page)).filter((it) => /^\d+\.\d\d$/.test(it)).length)
      .toBe(20);
  }
  const before = await prices(ada);
  await expect
    .poll(async () => (await prices(ada)).filter((it, i) => it !== before[i]).length)
    .toBeGreaterThan(15);

  await ben.locator(".focus h2", { hasText: "Onyx Chips" }).waitFor();
  await ada.locator(".tile", { hasText: "NOVA" }).click();
  await ada.locator(".focus h2", { hasText: "Nova Space" }).waitFor();

  const last = new Map<Page, string[]>();
  await stage.outage(async () => {
    for (const page of [ada, ben]) {
      await live(page, false);
      await expect.poll(() => rate(page)).toBe(0);
      // The last prices stay. Those of the other page may be a tick ahead: who dies says no more to either.
      last.set(page, await prices(page));
      expect(last.get(page)!.filter((it) => /^\d+\.\d\d$/.test(it)).length).toBe(20);
    }
  });
  for (const page of [ada, ben]) {
    await live(page);
    await expect.poll(() => rate(page)).toBeGreaterThan(100);
    await expect
      .poll(async () => (await prices(page)).filter((it, i) => it !== last.get(page)![i]).length)
      .toBeGreaterThan(15);
  }
  // Some seconds of movement for the picture, measured in updates rather than in time.
  const seen = async () => {
    const text = await ada.locator(".focus .dim").innerText();
    return Number(/([\d,]+) updates/.exec(text)?.[1]?.replace(",", ""));
  };
  const now = await seen();
  await expect.poll(seen).toBeGreaterThan(now + 100);
  await stage.shot(ada, "market");
  await stage.shot(ben, "market-dark");
  const phone = await stage.tab("/demos/market/?user=cleo-finch", { phone: true });
  await expect.poll(() => rate(phone)).toBeGreaterThan(100);
  await stage.shot(phone, "market-phone");
  expect(stage.complaints).toEqual([]);
});

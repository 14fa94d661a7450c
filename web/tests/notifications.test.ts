import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

async function notify(page: Page, to: string, title: string): Promise<void> {
  await page.getByRole("radio", { name: to }).click();
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Text").fill("Sent by a test, read by another tab.");
  await page.getByRole("button", { name: /^Send to/ }).click();
}

const titles = (page: Page) => page.locator(".note b").allInnerTexts();

test("people notify each other, and nothing is lost when the server is killed", async () => {
  const ada = await stage.tab("/demos/notifications/?user=ada-lark");
  const ben = await stage.tab("/demos/notifications/?user=ben-wren", { dark: true });
  await live(ada);
  await live(ben);

  await notify(ada, "Ben Wren", "Coffee at ten?");
  await ben.locator(".note.unread", { hasText: "Coffee at ten?" }).waitFor();
  await ben.locator(".toast", { hasText: "Coffee at ten?" }).waitFor();
  await expect.poll(() => ben.title()).toBe("(1) Notifications · Trunkline");
  // It was for Ben alone.
  expect(await titles(ada)).toEqual([]);

  await ben.getByRole("radio", { name: "Ada Lark" }).click();
  await ben.getByRole("button", { name: "Build 1042 is green" }).click();
  await ben.getByRole("button", { name: "You were mentioned" }).click();
  await ada.locator(".note", { hasText: "You were mentioned" }).waitFor();
  await stage.shot(ada, "notifications");
  await stage.shot(ben, "notifications-dark");

  await stage.outage(async () => {
    await live(ada, false);
    await live(ben, false);
    await notify(ada, "Ben Wren", "Asked while the server was away");
    await ada.locator(".pending li", { hasText: "Asked while" }).waitFor();
    await stage.shot(ada, "notifications-pending");
  });
  await live(ben);
  await ben.locator(".note", { hasText: "Asked while" }).waitFor();
  await ada.locator(".pending li").waitFor({ state: "detached" });
  expect(await titles(ben)).toEqual(["Asked while the server was away", "Coffee at ten?"]);

  await ben.getByRole("button", { name: "Mark all as read" }).click();
  await expect.poll(() => ben.title()).toBe("Notifications · Trunkline");

  // The same person elsewhere reads it all from the history.
  const phone = await stage.tab("/demos/notifications/?user=ben-wren", { phone: true });
  await phone.locator(".note", { hasText: "Coffee at ten?" }).waitFor();
  expect(await titles(phone)).toEqual(await titles(ben));
  await stage.shot(phone, "notifications-phone");
  expect(stage.complaints).toEqual([]);
});

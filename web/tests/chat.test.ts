import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

const texts = (page: Page) => page.locator(".message .text").allInnerTexts();

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message in lobby").fill(text);
  await page.keyboard.press("Enter");
}

test("two tabs chat, see each other, and lose nothing when the server is killed", async () => {
  const ada = await stage.tab("/demos/chat/?user=ada-lark");
  const ben = await stage.tab("/demos/chat/?user=ben-wren", { dark: true });
  await live(ada);
  await live(ben);

  await ada.locator(".people li", { hasText: "Ben Wren" }).waitFor();
  await ben.locator(".people li", { hasText: "Ada Lark" }).waitFor();

  await say(ada, "Hello from the first tab");
  await ben.getByText("Hello from the first tab").waitFor();

  await ben.getByLabel("Message in lobby").pressSequentially("typing…");
  await ada.getByText("Ben Wren is typing").waitFor();
  await say(ben, "And hello from the second");
  await ada.getByText("And hello from the second").waitFor();
  await ada.getByText("Ben Wren is typing").waitFor({ state: "detached" });

  await ada.locator(".message", { hasText: "hello from the second" }).hover();
  await ada.locator(".message", { hasText: "hello from the second" }).getByLabel("React").click();
  await ada.getByLabel("React with 🎉").click();
  await ben.locator(".reaction", { hasText: "🎉" }).waitFor();
  await stage.shot(ada, "chat");
  await stage.shot(ben, "chat-dark");

  await stage.outage(async () => {
    await live(ada, false);
    await live(ben, false);
    await say(ada, "Written while the server was away");
    await say(ben, "Me too");
    await expect.poll(() => ada.locator(".message.pending").count()).toBe(1);
    await stage.shot(ada, "chat-pending");
  });

  await live(ada);
  await live(ben);
  for (const page of [ada, ben]) {
    await page.locator(".message.sent", { hasText: "Written while" }).waitFor();
    await page.locator(".message.sent", { hasText: "Me too" }).waitFor();
    await expect.poll(() => page.locator(".message.pending").count()).toBe(0);
    await expect.poll(() => page.locator(".message").count()).toBe(4);
  }
  expect(await texts(ada)).toEqual(await texts(ben));

  // Somebody new reads all of it from the history, each message once.
  const cleo = await stage.tab("/demos/chat/?user=cleo-finch", { phone: true });
  await cleo.getByText("Me too").waitFor();
  expect(await texts(cleo)).toEqual(await texts(ada));
  await cleo.locator(".reaction", { hasText: "🎉" }).waitFor();
  await stage.shot(cleo, "chat-phone");
  expect(stage.complaints).toEqual([]);
});

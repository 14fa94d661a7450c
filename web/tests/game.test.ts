import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

const messages = async (page: Page) => parseInt(await page.locator(".figures").innerText());
const score = async (page: Page, name: string) =>
  Number(await page.locator(".scores li", { hasText: name }).locator("b").innerText());

/** Holds the mouse where the star is nearest to the middle of its yellow, until that scored. */
async function collect(page: Page): Promise<void> {
  const before = await score(page, "You");
  const box = (await page.locator(".arena").boundingBox())!;
  await expect
    .poll(
      async () => {
        const star = await page.evaluate(() => {
          const canvas = document.querySelector<HTMLCanvasElement>(".arena canvas")!;
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
          for (let i = 0; i < data.length; i += 4) {
            // The yellow of a star: #ffe08a.
            if (
              data[i] === 255 &&
              data[i + 1] === 224 &&
              data[i + 2] === 138 &&
              data[i + 3] === 255
            ) {
              return { x: ((i / 4) % width) / width, y: Math.floor(i / 4 / width) / height };
            }
          }
          return null;
        });
        if (star) {
          await page.mouse.move(box.x + star.x * box.width, box.y + star.y * box.height + 8);
          await page.mouse.down();
        }
        return score(page, "You");
      },
      { timeout: 90_000 },
    )
    .toBeGreaterThan(before);
  await page.mouse.up();
}

test("two tabs fly in one arena, and keep their points when the server is killed", async () => {
  const ada = await stage.tab("/demos/game/?user=ada-lark");
  const ben = await stage.tab("/demos/game/?user=ben-wren", { dark: true });
  await live(ada);
  await live(ben);
  await ada.locator(".scores li", { hasText: "Ben Wren" }).waitFor();
  await ben.locator(".scores li", { hasText: "Ada Lark" }).waitFor();
  // Twenty times a second each, on a machine that has the time.
  for (const page of [ada, ben]) await expect.poll(() => messages(page)).toBeGreaterThan(5);

  await collect(ada);
  const points = await score(ada, "You");
  await expect.poll(() => score(ben, "Ada Lark")).toBe(points);
  await ada.keyboard.down("ArrowUp");
  await ada.keyboard.down("Space");
  await stage.shot(ben, "game");
  await ada.keyboard.up("ArrowUp");
  await ada.keyboard.up("Space");

  await stage.outage(async () => {
    await live(ada, false);
    await live(ben, false);
    await ada.getByText("No connection: you fly alone").waitFor();
    await stage.shot(ada, "game-alone");
  });
  await live(ada);
  await live(ben);
  for (const page of [ada, ben]) await expect.poll(() => messages(page)).toBeGreaterThan(5);
  expect(await score(ada, "You")).toBeGreaterThanOrEqual(points);
  await expect
    .poll(async () => (await score(ben, "Ada Lark")) === (await score(ada, "You")))
    .toBe(true);
  // They hear each other again.
  await collect(ben);
  const won = await score(ben, "You");
  await expect.poll(() => score(ada, "Ben Wren")).toBeGreaterThanOrEqual(won);

  const phone = await stage.tab("/demos/game/?user=cleo-finch", { phone: true });
  await phone.locator(".scores li", { hasText: "Ben Wren" }).waitFor();
  await stage.shot(phone, "game-phone");
  expect(stage.complaints).toEqual([]);
});

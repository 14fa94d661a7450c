import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

/** Draws through places given in units of the board, 1600 by 1000. */
async function draw(page: Page, ...places: [number, number][]): Promise<void> {
  const box = (await page.locator(".sheet").boundingBox())!;
  const at = ([x, y]: [number, number]): [number, number] => [
    box.x + (x / 1600) * box.width,
    box.y + (y / 1000) * box.height,
  ];
  await page.mouse.move(...at(places[0]!));
  await page.mouse.down();
  for (const place of places.slice(1)) await page.mouse.move(...at(place), { steps: 8 });
  await page.mouse.up();
}

/** How many pixels of the committed board are painted. */
const ink = (page: Page) =>
  page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".sheet canvas")!;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let painted = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]! > 200) painted++;
    return painted;
  });

/** Waits until both boards look the same, pixel by pixel, and something is on them. */
async function alike(a: Page, b: Page): Promise<number> {
  await expect
    .poll(async () => ((await ink(a)) === (await ink(b)) ? await ink(a) : 0))
    .toBeGreaterThan(0);
  return ink(a);
}

const heart = Array.from({ length: 41 }, (_, i): [number, number] => {
  const t = (i / 40) * 2 * Math.PI;
  return [
    520 + 15 * 16 * Math.sin(t) ** 3,
    430 - 15 * (13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t)),
  ];
});

test("two tabs draw on one board and lose nothing when the server is killed", async () => {
  const ada = await stage.tab("/demos/whiteboard/?user=ada-lark");
  const ben = await stage.tab("/demos/whiteboard/?user=ben-wren", { dark: true });
  await live(ada);
  await live(ben);

  await ada.getByLabel("Colour red").click();
  await draw(ada, ...heart);
  const one = await alike(ada, ben);

  await ben.keyboard.press("o");
  await ben.getByLabel("Colour blue").click();
  await draw(ben, [950, 200], [1350, 600]);
  await ben.keyboard.press("m");
  await ben.getByLabel("Colour green").click();
  await draw(ben, [900, 760], [1150, 720], [1400, 780]);
  expect(await alike(ada, ben)).toBeGreaterThan(one);
  await stage.shot(ada, "whiteboard");
  await stage.shot(ben, "whiteboard-dark");

  await stage.outage(async () => {
    await live(ada, false);
    await live(ben, false);
    await ada.keyboard.press("l");
    await draw(ada, [100, 900], [1500, 900]);
    await draw(ben, [100, 850], [1500, 850]);
    await ada.getByText("1 waiting to be sent").waitFor();
    await stage.shot(ada, "whiteboard-pending");
  });
  await live(ada);
  await live(ben);
  await ada.getByText("waiting to be sent").waitFor({ state: "detached" });
  const all = await alike(ada, ben);

  // The eraser takes the heart away; taking that back brings it again, in both tabs.
  await ada.keyboard.press("e");
  await draw(ada, heart[3]!, heart[4]!);
  await expect.poll(() => ink(ben)).toBeLessThan(all);
  await alike(ada, ben);
  await ada.keyboard.press("Control+z");
  await expect.poll(() => ink(ben)).toBe(all);

  // Somebody new reads all of it from the history.
  const cleo = await stage.tab("/demos/whiteboard/?user=cleo-finch");
  expect(await alike(cleo, ada)).toBe(all);
  const phone = await stage.tab("/demos/whiteboard/?user=dan-yak", { phone: true });
  await expect.poll(() => ink(phone)).toBeGreaterThan(0);
  await stage.shot(phone, "whiteboard-phone");
  expect(stage.complaints).toEqual([]);
});

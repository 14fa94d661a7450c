import { afterAll, beforeAll, expect, test } from "vitest";
import { live, Stage } from "./browser";

let stage: Stage;
beforeAll(async () => void (stage = await Stage.open()));
afterAll(async () => stage.close());

const lit = '.top .link-sign:has-text("Live")';

test("the dashboard opens with the key alone, shows what happens, and outlives the server", async () => {
  const page = await stage.tab("/dashboard/");
  await page.getByLabel("API key").fill("guess");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("The server does not take this key.").waitFor();
  await page.getByLabel("API key").fill(stage.server.apiKey);
  await page.keyboard.press("Enter");
  await page.locator(lit).waitFor();

  // Somebody to look at.
  const chat = await stage.tab("/demos/chat/?user=ada-lark");
  await live(chat);
  const tile = (name: string) => page.locator(".tiles div", { hasText: name }).locator("dd");
  await expect.poll(async () => Number(await tile("Connections").innerText())).toBeGreaterThan(0);
  // The market's ticks are published all the time.
  await expect.poll(async () => parseInt(await tile("Published").innerText())).toBeGreaterThan(50);

  await page.getByRole("link", { name: "Channels" }).click();
  await page.getByLabel("Filter channels").fill("chat:");
  await page.locator(".rows a", { hasText: "chat:lobby" }).click();
  await page.locator(".subscribers li", { hasText: "ada-lark" }).waitFor();
  await page.locator(".tail .link-sign.connected").waitFor();
  await chat.getByLabel("Message in lobby").fill("Seen from outside");
  await chat.keyboard.press("Enter");
  await page.locator(".line", { hasText: "Seen from outside" }).waitFor();

  // Publishing from the page reaches the channel, and thereby the tail.
  await page.getByLabel("JSON to publish").fill('{"from":"the dashboard"}');
  await page.getByRole("button", { name: "Publish" }).click();
  await page.locator(".line", { hasText: "the dashboard" }).waitFor();
  await stage.shot(page, "dashboard-channel");

  await stage.outage(async () => {
    await page.locator(".top .link-sign", { hasText: "No answer" }).waitFor();
  });
  await page.locator(lit).waitFor();
  await live(chat);
  await page.locator(".tail .link-sign.connected").waitFor();
  await chat.getByLabel("Message in lobby").fill("Seen again");
  await chat.keyboard.press("Enter");
  await page.locator(".line", { hasText: "Seen again" }).waitFor();
  // The history that was there before is still there, each line once.
  expect(await page.locator(".line", { hasText: "Seen from outside" }).count()).toBe(1);
  expect(stage.complaints.filter((it) => !it.includes("401"))).toEqual([]);
});

test("charts fill while somebody looks", async () => {
  const page = await stage.tab("/dashboard/", { dark: true });
  await page.getByLabel("API key").fill(stage.server.apiKey);
  await page.keyboard.press("Enter");
  await page.locator(lit).waitFor();
  const market = await stage.tab("/demos/market/");
  await live(market);
  /** Pixels in the colour of the first line of a chart. */
  const drawn = () =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLCanvasElement>(".chart canvas")].map((canvas) => {
        const { data } = canvas
          .getContext("2d")!
          .getImageData(0, 0, canvas.width * 0.85, canvas.height * 0.85);
        let colourful = 0;
        for (let i = 0; i < data.length; i += 4) {
          const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
          if (data[i + 3]! > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) colourful++;
        }
        return colourful;
      }),
    );
  await expect.poll(async () => Math.min(...(await drawn()))).toBeGreaterThan(60);
  await stage.shot(page, "dashboard-dark");
  const light = await stage.tab("/dashboard/", { phone: true });
  await light.getByLabel("API key").waitFor();
  await stage.shot(light, "dashboard-login-phone");
});

// Centrifugo's open edition does not list connections.
test.skipIf(process.env["CENTRIFUGO"])("one client is seen, and can be sent away", async () => {
  const chat = await stage.tab("/demos/chat/?user=dora-swan");
  await live(chat);
  const page = await stage.tab("/dashboard/#/connections");
  await page.getByLabel("API key").fill(stage.server.apiKey);
  await page.keyboard.press("Enter");
  await page.getByLabel("Connections of one user").fill("dora-swan");
  const row = page.locator("tbody tr", { hasText: "dora-swan" });
  await row.waitFor();
  await expect.poll(() => page.locator("tbody tr").count()).toBe(1);
  await stage.shot(page, "dashboard-connections");
  await row.getByRole("link").click();
  await page.locator(".rows a", { hasText: "chat:lobby" }).waitFor();
  for (const fact of ["dora-swan", "Software", "chat", "WebSocket", "JSON", "Connected since"]) {
    await page.locator(".facts", { hasText: fact }).waitFor();
  }
  await stage.shot(page, "dashboard-connection");

  await page.getByRole("button", { name: "Disconnect" }).click();
  await chat.locator(".link-sign.disconnected").waitFor();
});

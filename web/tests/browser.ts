import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { startServer, type Server } from "./server";

const SHOTS = join(import.meta.dirname, "../shots");

/** A server, a browser, and what the pages complained about. */
export class Stage {
  readonly complaints: string[] = [];

  private constructor(
    readonly server: Server,
    readonly browser: Browser,
  ) {}

  static async open(): Promise<Stage> {
    await mkdir(SHOTS, { recursive: true });
    const server = await startServer();
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    return new Stage(server, browser);
  }

  /** A tab of its own person, that never met the others. */
  async tab(path: string, options: { phone?: boolean; dark?: boolean } = {}): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: options.phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
      colorScheme: options.dark ? "dark" : "light",
      hasTouch: options.phone ?? false,
    });
    context.setDefaultTimeout(90_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(`${path}: ${String(error)}`));
    page.on("console", (message) => {
      // A server that is down is part of the tests; all other errors are not, above all those of CSP.
      const expected =
        /ERR_CONNECTION_REFUSED|WebSocket connection to|502|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;
      if (message.type() === "error" && !expected.test(message.text())) {
        this.complaints.push(`${path}: ${message.text()}`);
      }
    });
    await page.goto(this.server.origin + path);
    return page;
  }

  /** `kill -9`, something meanwhile, and a new start. */
  async outage(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    await this.server.kill();
    await meanwhile();
    await this.server.restart();
  }

  async shot(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
  }
}

/** Waits for the page to say that it is live, or that it is not. */
export async function live(page: Page, yes = true): Promise<void> {
  await page.locator(`.link-sign.${yes ? "connected" : "connecting"}`).waitFor();
}

// The page of "trunkline echo --page", used as a person would use it.
//
//   node page.js URL WAY RESULTS    WAY is how the page is reached: directly, through nginx, through HAProxy
//
// Adds a line for each check to RESULTS, as conformance/src/bin/interop does for its cases.
import { appendFileSync } from "node:fs";
import { complaints, withBrowser } from "./browser.js";

const [url, way, results] = process.argv.slice(2);
const WAIT_MS = 15_000;

function check(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/// A tab with the page in it, and the few things that one does there.
class Tab {
  static async open(context) {
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const tab = new Tab(page);
    await tab.watchHandshakes(context);
    await page.goto(url);
    await tab.is("open");
    return tab;
  }

  constructor(page) {
    this.page = page;
    this.complaints = complaints(page);
    this.statuses = [];
  }

  async watchHandshakes(context) {
    const session = await context.newCDPSession(this.page);
    await session.send("Network.enable");
    session.on("Network.webSocketHandshakeResponseReceived", ({ response }) => this.statuses.push(response.status));
  }

  is(state) {
    return this.page.locator("#state", { hasText: new RegExp(`^${state}$`) }).waitFor();
  }

  /// Waits for a line of the log, the newest if `text` has been there before.
  async says(text, note = "") {
    await this.page.locator("#log li", { hasText: text }).filter({ hasText: note }).last().waitFor();
  }

  async send(text) {
    await this.page.fill("#text", text);
    await this.page.getByRole("button", { name: "Send" }).click();
    await this.says(text, " ms");
  }

  press(button) {
    return this.page.locator(button).click();
  }

  async isContent() {
    const log = await this.page.locator("#log").innerText();
    check(!log.includes("wrong"), `the page says: ${log}`);
    check(this.complaints.length === 0, `the console says: ${this.complaints.join("; ")}`);
  }
}

const checks = {
  "connects, with compression": tab => tab.says("connected to ", "permessage-deflate"),
  "one connection in the other over HTTP/2 where the proxy can, else an upgrade": tab => {
    const expected = way === "through HAProxy" ? 200 : 101;
    check(tab.statuses.join() === String(expected), `the handshake ended with ${tab.statuses}`);
  },
  "text": async tab => {
    await tab.send("hello");
    await tab.send("Grüße, 世界, 🦀");
  },
  "binary": async tab => {
    await tab.press("#binary");
    await tab.says("65536 bytes", " ms");
  },
  "10 000 messages": async tab => {
    await tab.press("#burst");
    await tab.says("10 000 messages there and back", " ms");
  },
  "blobs and buffers": async tab => {
    const kinds = await tab.page.evaluate(url => Promise.all(["blob", "arraybuffer"].map(binaryType =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.binaryType = binaryType;
        socket.onopen = () => socket.send(new Blob(["12345"]));
        socket.onmessage = async ({ data }) => {
          const text = data instanceof Blob ? await data.text() : new TextDecoder().decode(data);
          socket.close(3001, "thanks");
          socket.onclose = ({ code, wasClean }) => resolve([data.constructor.name, text, code, wasClean].join());
        };
        socket.onerror = reject;
      }))), url);
    check(kinds.join() === "Blob,12345,3001,true,ArrayBuffer,12345,3001,true", `got ${kinds}`);
  },
  "close and reconnect": async tab => {
    for (let n = 0; n < 3; n++) {
      await tab.press("#toggle");
      await tab.is("closed");
      await tab.says("closed", "code 1000");
      await tab.press("#toggle");
      await tab.is("open");
      await tab.send(`back again ${n}`);
    }
  },
  "two tabs": async (tab, context) => {
    const other = await Tab.open(context);
    await Promise.all([tab.send("from the first"), other.send("from the second")]);
    check(!(await tab.page.locator("#log").innerText()).includes("from the second"), "one hears the other");
    await other.isContent();
    await other.page.close();
    await tab.send("alone again");
  },
  "reload": async tab => {
    await tab.page.reload();
    await tab.is("open");
    await tab.send("fresh");
  },
  "nothing went wrong": tab => tab.isContent(),
};

let failed = 0;
const started = performance.now();
await withBrowser(async context => {
  const name = `Chromium ${context.browser().version()}`;
  const tab = await Tab.open(context);
  for (const [what, run] of Object.entries(checks)) {
    let outcome = "ok\t";
    try {
      await run(tab, context);
    } catch (error) {
      failed++;
      const [why] = String(error.message).split("\n");
      outcome = `FAILED\t${why}`;
      console.log(`FAILED ${name}, page ${way}: ${what}: ${why}`);
    }
    appendFileSync(results, `${name}\tpage ${way}\t${what}\t${outcome}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${name}, page ${way}: ${Object.keys(checks).length - failed} ok, ${failed} failed, ${seconds} s`);
});
process.exitCode = failed ? 1 : 0;

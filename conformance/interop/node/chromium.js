// The peer "chromium": the WebSocket of a page that our server has served.
import { complaints, withBrowser } from "./browser.js";
import { connectAsTold, say } from "./lines.js";

await withBrowser(async context => {
  const page = context.pages()[0] ?? await context.newPage();
  const heard = complaints(page);
  say("peer", `Chromium ${context.browser().version()}`, "bom,compression,deflates,takeover,extensions,negotiated,bare-close,page");

  await connectAsTold(async (url, subprotocols, _compression, pageUrl) => {
    if (page.url() !== pageUrl) await page.goto(pageUrl);
    let ended;
    try {
      ended = await page.evaluate(([url, subprotocols]) => connectAsTold(url, subprotocols), [url, subprotocols]);
    } catch (error) {
      // The page that would have told was left.
      await page.waitForURL("about:blank");
      ended = { code: 1001, reason: "" };
    }
    // Chromium complains of every connection that fails.
    for (const complaint of heard.splice(0)) if (!ended.failed) say("complaint", complaint);
    return ended;
  });
});

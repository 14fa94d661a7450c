// Debian's Chromium, as users have it: real pages in a fresh profile, no download of a browser.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/// Runs `work` with a browser, which is closed whatever comes of it.
export async function withBrowser(work) {
  const profile = mkdtempSync(join(tmpdir(), "trunkline-chromium-"));
  try {
    // The proxies' certificate is signed by nobody that the browser knows.
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      args: ARGS,
      ignoreHTTPSErrors: true,
    });
    try {
      return await work(context);
    } finally {
      await context.close();
    }
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/// Collects what `page` complains about: errors and warnings of its console, and what its scripts throw.
export function complaints(page) {
  const heard = [];
  page.on("console", message => {
    if (["error", "warning"].includes(message.type())) heard.push(message.text());
  });
  page.on("pageerror", error => heard.push(String(error)));
  return heard;
}

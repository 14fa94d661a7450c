// How a peer talks with the program that runs it: lines of words with tabs between them, see ../README.md.
import { createInterface } from "node:readline";

export function say(...words) {
  process.stdout.write(words.join("\t") + "\n");
}

/// Runs `client` for each connection that is asked for on standard input, one after the other.
export async function connectAsTold(client) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [, url, subprotocols, compression, page] = line.split("\t");
    const ended = await client(url, subprotocols ? subprotocols.split(",") : [], compression === "on", page);
    const path = new URL(url).pathname;
    if (ended.failed) say("failed", path, ended.failed);
    else say("closed", path, ended.code, ended.reason);
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn, type ChildProcess } from "node:child_process";
import { centrifugo } from "./centrifugo";

/** A server that the pages talk to, and that can be killed without warning. */
export interface Server {
  readonly origin: string;
  readonly apiKey: string;
  /** `kill -9`; the data stay. */
  kill(): Promise<void>;
  /** Starts again at the same address with the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The server under test: ours, or Centrifugo if `CENTRIFUGO` names its binary. */
export async function startServer(): Promise<Server> {
  const other = process.env["CENTRIFUGO"];
  return other ? centrifugo(other) : trunkline();
}

const API_KEY = "browser-tests";

async function trunkline(): Promise<Server> {
  const binary =
    process.env["TRUNKLINE"] ?? join(import.meta.dirname, "../../target/debug/trunkline");
  const data = await mkdtemp(join(tmpdir(), "trunkline-web-"));
  let process_: ChildProcess | null = null;
  let port = 0;
  const start = async () => {
    const args = ["serve", "--demo", "--data", data, "--listen", `127.0.0.1:${port}`];
    process_ = spawn(binary, args, {
      env: { ...process.env, TRUNKLINE_HTTP_API_KEY: API_KEY },
      stdio: ["ignore", "pipe", "pipe"],
    });
    port = await listeningPort(process_);
  };
  await start();
  return {
    origin: `http://127.0.0.1:${port}`,
    apiKey: API_KEY,
    kill: () => end(process_!, "SIGKILL"),
    restart: start,
    stop: async () => {
      await end(process_!, "SIGTERM");
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Waits until the server says where it listens. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(said);
      if (found) resolve(Number(found[1]));
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
}

/** Ends a process and waits for that. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill(signal);
  });
}

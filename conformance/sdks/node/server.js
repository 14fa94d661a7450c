// `trunkline serve` as a process of its own, its HTTP API, and tokens that it takes.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const SECRET = 'the suites of the SDKs know this secret too';
const API_KEY = 'the suites of the SDKs';

const inBase64 = (value) => Buffer.from(value).toString('base64url');

/** A token with these claims; `ttl` is in seconds, and may be negative. */
export function token({ ttl = 3600, ...claims }) {
  const exp = Math.floor(Date.now() / 1000) + ttl;
  const signed = `${inBase64('{"alg":"HS256"}')}.${inBase64(JSON.stringify({ ...claims, exp }))}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export class Server {
  #process;
  #data = mkdtempSync(join(tmpdir(), 'trunkline-sdks-'));
  #port = 0;

  /** Starts it, the second time on the port of the first. */
  async start() {
    this.#process = spawn(
      process.env.TRUNKLINE,
      ['serve', '--config', process.env.SERVER_CONFIG, '--listen', `127.0.0.1:${this.#port}`, '--set', `data.dir=${this.#data}`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const port = /^listening on +http:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
      if (port) {
        this.#port = Number(port);
        this.#process.stdout.resume();
        return;
      }
    }
    throw new Error('the server has not started');
  }

  /** Ends it at once, as kill -9 does. */
  async kill() {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }

  async remove() {
    await this.kill();
    rmSync(this.#data, { recursive: true });
  }

  get url() {
    return `ws://127.0.0.1:${this.#port}/connection/websocket`;
  }

  async api(method, params) {
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/${method}`, {
      method: 'POST',
      headers: { 'X-API-Key': API_KEY },
      body: JSON.stringify(params),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  }
}

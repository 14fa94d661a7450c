import { address } from "../shared/root";

/** The key that opens the dashboard, kept as long as the tab. */
const KEY = "trunkline.api-key";

export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The server does not take the key. */
export class WrongKey extends Error {}

/** The server's HTTP API: `{"result": …}`, or an error. */
export class Api {
  constructor(private readonly key: string) {}

  static kept(): Api | null {
    const key = sessionStorage.getItem(KEY);
    return key ? new Api(key) : null;
  }

  keep(): void {
    sessionStorage.setItem(KEY, this.key);
  }

  static forget(): void {
    sessionStorage.removeItem(KEY);
  }

  async call<T>(method: string, request: object = {}): Promise<T> {
    const body = await this.#fetch(`api/${method}`, {
      method: "POST",
      body: JSON.stringify(request),
    });
    const { result, error } = body as { result?: T; error?: { code: number; message: string } };
    if (error) throw new ApiError(error.code, error.message);
    // `stats` and `tail_token` answer without an envelope.
    return result ?? (body as T);
  }

  async stats(): Promise<Stats> {
    return (await this.#fetch("api/stats", {})) as Stats;
  }

  async #fetch(path: string, init: RequestInit): Promise<object> {
    const response = await fetch(address(path), {
      ...init,
      headers: { "X-API-Key": this.key, "Content-Type": "application/json" },
    });
    if (response.status === 401 || response.status === 403) throw new WrongKey();
    if (!response.ok) throw new ApiError(response.status, `the server answered ${response.status}`);
    return (await response.json()) as object;
  }
}

/** What `GET /api/stats` tells: totals since the start, and how much there is now. */
export interface Stats {
  time_ms: number;
  connections: number;
  users: number;
  channels: number;
  subscriptions: number;
  commands_total: number;
  publications_total: number;
  deliveries_total: number;
  bytes_in_total: number;
  bytes_out_total: number;
  slow_disconnects_total: number;
  refused_total: number;
  /** Absent while nothing is published. */
  publish_latency_us?: { p50: number; p99: number };
  /** Absent where the system does not tell. */
  memory_bytes?: number;
  cpu_seconds_total?: number;
  uptime_s: number;
  version: string;
}

export interface ChannelInfo {
  num_clients?: number;
}

export interface ClientInfo {
  client: string;
  user?: string;
}

export interface Publication {
  data?: unknown;
  b64data?: string;
  info?: ClientInfo;
  offset?: number;
  time?: number;
}

export interface ConnectionInfo {
  client: string;
  user?: string;
  /** What the client calls itself, such as `js`. */
  name?: string;
  version?: string;
  transport?: string;
  protocol?: string;
  /** Absent if none was agreed on. */
  subprotocol?: string;
  /** Absent where the server does not tell. */
  address?: string;
  /** The channels it is on. */
  channels?: string[];
  /** Since when, in milliseconds since 1970. */
  connected_at?: number;
  outbox_bytes?: number;
  bytes_in?: number;
  bytes_out?: number;
}

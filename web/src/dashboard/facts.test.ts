import { expect, test } from "vitest";
import { called, factsOf, softwareOf } from "./facts";

const client = "8a6c4f0e-8f3d-4d36-9a52-0d8f0e5c1a2b";

test("one client is shown with all that is known of it", () => {
  const facts = new Map(
    factsOf(
      {
        client,
        user: "ada",
        name: "js",
        version: "5.3.1",
        transport: "websocket",
        protocol: "protobuf",
        subprotocol: "centrifuge-protobuf",
        address: "192.0.2.1",
        connected_at: 1_000,
        outbox_bytes: 0,
      },
      64_000,
    ),
  );
  expect(facts.get("Software")).toBe("js 5.3.1");
  expect(facts.get("Transport")).toBe("WebSocket");
  expect(facts.get("Protocol")).toBe("Protobuf");
  expect(facts.get("Subprotocol")).toBe("centrifuge-protobuf");
  expect(facts.get("Address")).toBe("192.0.2.1");
  expect(facts.get("Connected since")).toContain("1970");
  expect(facts.get("Connected for")).toBe("1 min");
});

test("what a server does not tell is left out", () => {
  const names = factsOf({ client }, 0).map(([name]) => name);
  expect(names).toEqual(["User", "Software", "Waiting to be written"]);
  const facts = new Map(factsOf({ client, protocol: "json", transport: "websocket" }, 0));
  expect(facts.get("Subprotocol")).toBe("none");
  expect(facts.has("Address")).toBe(false);
});

test("names are those that people know", () => {
  expect([called("json"), called("smoke"), called(undefined)]).toEqual(["JSON", "smoke", ""]);
  expect(softwareOf({ client, version: "1" })).toBe("1");
});

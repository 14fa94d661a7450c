import { expect, test } from "vitest";
import { linkTo, parseRoute } from "./route";

test("any channel name comes back from its link", () => {
  for (const channel of ["chat:lobby", "notifications:#ada", "a/b c%", "Ünï🎉"]) {
    expect(parseRoute(linkTo("channels", channel))).toEqual({ view: "channel", channel });
  }
});

test("an address that says nothing is the overview", () => {
  for (const hash of ["", "#", "#/", "#/nothing"]) {
    expect(parseRoute(hash)).toEqual({ view: "overview" });
  }
  expect(parseRoute("#/channels")).toEqual({ view: "channels" });
  expect(parseRoute("#/connections/%E0%A4%A")).toEqual({ view: "connection", client: "%E0%A4%A" });
});

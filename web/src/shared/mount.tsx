import { render, type ComponentChild } from "preact";
import "./base.css";
import "./theme";

/** Puts a page into the document. `fixed` pages fill the window and do not scroll as a whole. */
export function mount(page: ComponentChild, fixed = false): void {
  if (fixed) document.body.classList.add("fixed");
  const app = document.createElement("div");
  app.id = "app";
  document.body.prepend(app);
  render(page, app);
}

import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Short, unobtrusive words at the lower edge, that go by themselves. */

interface Notice {
  readonly key: number;
  readonly text: string;
}

const SHOWN_MS = 4500;
let notices: Notice[] = [];
let next = 0;
let redraw: () => void = () => {};

export function notice(text: string): void {
  const key = next++;
  notices = [...notices.slice(-2), { key, text }];
  redraw();
  setTimeout(() => {
    notices = notices.filter((it) => it.key !== key);
    redraw();
  }, SHOWN_MS);
}

/** What pages say when a stream is back. */
export const noticeOfRecovery = {
  recovered(missed: number): void {
    notice(
      missed === 0 ? "Back online, nothing was missed" : `Back online, caught up on ${missed}`,
    );
  },
  reloaded(): void {
    notice("Back online, history was read again");
  },
};

function Notices(): JSX.Element {
  const [, set] = useState(0);
  useEffect(() => {
    redraw = () => set((n) => n + 1);
    redraw();
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.map((it) => (
        <p key={it.key}>{it.text}</p>
      ))}
    </div>
  );
}

const host = document.createElement("div");
document.body.append(host);
render(<Notices />, host);

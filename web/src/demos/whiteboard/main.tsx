import { Centrifuge } from "centrifuge";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "../../shared/avatar";
import { currentUser, nameOf } from "../../shared/identity";
import { mount } from "../../shared/mount";
import { color } from "../../shared/palette";
import { useChanges } from "../../shared/redraw";
import { openSession } from "../../shared/session";
import { Header, SecondTab } from "../../shared/shell";
import { Canvas, type Pen } from "./canvas";
import { Model } from "./model";
import { HEIGHT, WIDTH } from "./op";
import { paintShape } from "./paint";
import { Toolbar, toolOf } from "./toolbar";
import "./whiteboard.css";

const user = currentUser();
const client = openSession(Centrifuge, user, "whiteboard");
const model = new Model(client, "main", user);

function Whiteboard(): JSX.Element {
  const [pen, hold] = useState<Pen>({ tool: "pen", color: "ink", width: 6 });
  useChanges(model.changes);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey) {
        if (event.key.toLowerCase() !== "z") return;
        event.preventDefault();
        if (event.shiftKey) model.redo();
        else model.undo();
      } else {
        const tool = toolOf(event.key);
        if (tool) hold((old) => ({ ...old, tool }));
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Header title="Whiteboard" client={client}>
        <div class="faces" aria-label={`${model.members.length} people here`}>
          {model.members.slice(0, 6).map((member) => (
            <span key={member.user} title={nameOf(member.user)}>
              <Avatar user={member.user} size={28} />
            </span>
          ))}
          {model.members.length > 6 && <span class="badge">+{model.members.length - 6}</span>}
        </div>
        <SecondTab />
      </Header>
      <main class="whiteboard">
        <div class="fit">
          <Canvas model={model} pen={pen} />
        </div>
        {!model.live && model.waiting > 0 && (
          <p class="waiting badge" role="status">
            {model.waiting} waiting to be sent
          </p>
        )}
        <Toolbar model={model} pen={pen} onPen={hold} onSave={save} />
      </main>
    </>
  );
}

/** Downloads the board as a picture. */
function save(): void {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const context = canvas.getContext("2d")!;
  context.fillStyle = color("--card");
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (const { shape } of model.drawn) paintShape(context, shape);
  canvas.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "whiteboard.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

mount(<Whiteboard />, true);

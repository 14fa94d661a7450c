import type { JSX } from "preact";
import { Icon, type IconName } from "../../shared/icons";
import type { Pen } from "./canvas";
import type { Model } from "./model";
import { COLORS } from "./op";

const TOOLS: { tool: Pen["tool"]; icon: IconName; name: string; key: string }[] = [
  { tool: "pen", icon: "pen", name: "Pen", key: "p" },
  { tool: "marker", icon: "marker", name: "Marker", key: "m" },
  { tool: "line", icon: "line", name: "Line", key: "l" },
  { tool: "box", icon: "box", name: "Rectangle", key: "r" },
  { tool: "circle", icon: "circle", name: "Ellipse", key: "o" },
  { tool: "eraser", icon: "eraser", name: "Eraser", key: "e" },
];

const WIDTHS = [3, 6, 12];

/** The tool that a key picks. */
export function toolOf(key: string): Pen["tool"] | null {
  return TOOLS.find((it) => it.key === key.toLowerCase())?.tool ?? null;
}

export function Toolbar(props: {
  model: Model;
  pen: Pen;
  onPen: (pen: Pen) => void;
  onSave: () => void;
}): JSX.Element {
  const { model, pen, onPen, onSave } = props;
  return (
    <div class="toolbar card" role="toolbar" aria-label="Drawing tools">
      <div class="group">
        {TOOLS.map(({ tool, icon, name, key }) => (
          <button
            key={tool}
            class={`quiet square ${pen.tool === tool ? "on" : ""}`}
            aria-label={name}
            aria-pressed={pen.tool === tool}
            title={`${name} (${key.toUpperCase()})`}
            onClick={() => onPen({ ...pen, tool })}
          >
            <Icon name={icon} />
          </button>
        ))}
      </div>
      <div class="group">
        {COLORS.map((color) => (
          <button
            key={color}
            class={`swatch ${color} ${pen.color === color ? "on" : ""}`}
            aria-label={`Colour ${color}`}
            aria-pressed={pen.color === color}
            onClick={() => onPen({ ...pen, color, tool: pen.tool === "eraser" ? "pen" : pen.tool })}
          />
        ))}
      </div>
      <div class="group">
        {WIDTHS.map((width, i) => (
          <button
            key={width}
            class={`quiet square width-${i} ${pen.width === width ? "on" : ""}`}
            aria-label={`Width ${width}`}
            aria-pressed={pen.width === width}
            onClick={() => onPen({ ...pen, width })}
          >
            <i />
          </button>
        ))}
      </div>
      <div class="group">
        <Act name="Undo" icon="undo" off={!model.steps.canUndo} act={() => model.undo()} />
        <Act name="Redo" icon="redo" off={!model.steps.canRedo} act={() => model.redo()} />
        <Act name="Clear" icon="trash" off={model.drawn.length === 0} act={() => model.clear()} />
        <Act name="Save as PNG" icon="download" off={model.drawn.length === 0} act={onSave} />
      </div>
    </div>
  );
}

function Act(props: { name: string; icon: IconName; off: boolean; act: () => void }): JSX.Element {
  return (
    <button
      class="quiet square"
      aria-label={props.name}
      title={props.name}
      disabled={props.off}
      onClick={props.act}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** Calls `draw` for each frame while the page is visible; returns how to stop. */
export function everyFrame(draw: (now: number) => void): () => void {
  let frame = requestAnimationFrame(function next(now) {
    frame = requestAnimationFrame(next);
    draw(now);
  });
  return () => cancelAnimationFrame(frame);
}

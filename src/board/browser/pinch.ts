/** Fingers on a chart: two zoom, one moves what is zoomed; up and down still scrolls the page. */

export interface Pinched {
  /** The stretch that is shown, and all that there is. */
  bounds(): readonly [number, number];
  whole(): readonly [number, number];
  zoomTo(from: number, to: number): void;
}

export function handlePinch(target: HTMLElement, pinched: Pinched): void {
  const fingers = new Map<number, number>();
  /** Where the fingers and the stretch were when the last finger came or went. */
  let began: { readonly places: readonly number[]; readonly bounds: readonly [number, number] } | null = null;

  const begin = () => {
    began = fingers.size === 0 ? null : { places: placesOf(fingers, target), bounds: pinched.bounds() };
  };
  const end = (event: PointerEvent) => {
    if (fingers.delete(event.pointerId)) begin();
  };
  target.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch') return;
    fingers.set(event.pointerId, event.clientX);
    begin();
  });
  target.addEventListener('pointermove', (event) => {
    if (!fingers.has(event.pointerId) || began === null) return;
    fingers.set(event.pointerId, event.clientX);
    const [from, to] = began.bounds;
    const now = placesOf(fingers, target);
    if (now.length === 2) {
      const [a, b] = began.places as [number, number];
      const [c, d] = now as [number, number];
      if (Math.abs(d - c) < 0.02) return;
      // The values under both fingers stay under them.
      const scale = ((b - a) / (d - c)) * (to - from);
      const start = from + a * (to - from) - c * scale;
      if (scale > 0) pinched.zoomTo(start, start + scale);
    } else if (now.length === 1) {
      const [least, most] = pinched.whole();
      const by = Math.min(Math.max((began.places[0]! - now[0]!) * (to - from), least - from), most - to);
      if (to - from < most - least) pinched.zoomTo(from + by, to + by);
    }
  });
  target.addEventListener('pointerup', end);
  target.addEventListener('pointercancel', end);
}

/** As shares of the chart's width, from left to right as the fingers came. */
function placesOf(fingers: ReadonlyMap<number, number>, target: HTMLElement): number[] {
  const { left, width } = target.getBoundingClientRect();
  return [...fingers.values()].slice(0, 2).map((x) => (x - left) / width);
}
